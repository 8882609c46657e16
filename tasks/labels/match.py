"""Which sample a name in a file of labels means."""

import re
import unicodedata
import urllib.parse
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import pyarrow as pa

from tasks.store import views
from tasks.store.root import Root

Parts = tuple[str, ...]

_SAMPLE_ID = re.compile(r"[0-9a-f]{32}([0-9a-f]{32})?")


@dataclass(frozen=True)
class Target:
    """A sample, and the size of its upright picture in pixels."""

    sample_id: str
    width: int
    height: int


@dataclass
class Matched:
    """What names mean: a sample each, none (`unknown`), or several (`ambiguous`)."""

    found: dict[str, Target] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    ambiguous: list[str] = field(default_factory=list)


def match_names(root: Root, names: Iterable[str]) -> Matched:
    """Find the sample of each name: a sample_id, or a file name or path of a file that was ever seen.

    Of several files of one name the one whose path agrees with most of the name is meant; a copy leads to its sample. A
    name without its ending (`.jpg`) will do, and if several names differ only in their folders, those have to agree.
    """
    asked = list(dict.fromkeys(names))
    ids = _by_id(root, asked)
    rest = [name for name in asked if name not in ids]
    split = {name: _parts(name) for name in rest}
    files = _Files(root, {parts[-1] for parts in split.values()})
    shared = Counter(parts[-1] for parts in split.values())
    common = _common_folders(split.values())
    matched = Matched()
    chosen = dict(ids)
    for name, parts in split.items():
        strict = len(parts) - common if shared[parts[-1]] > 1 else 1
        samples = files.nearest(parts, strict)
        if len(samples) == 1:
            chosen[name] = samples.pop()
        else:
            (matched.ambiguous if samples else matched.unknown).append(name)
    targets = _targets(root, set(chosen.values()))
    for name in asked:
        if name in chosen and chosen[name] in targets:
            matched.found[name] = targets[chosen[name]]
        elif name in chosen:
            matched.unknown.append(name)
    return matched


class _Files:
    """Paths of the files that were ever seen, as far as they may be meant; the newest version of each counts."""

    def __init__(self, root: Root, wanted: set[str]) -> None:
        self._whole: dict[str, dict[Parts, str]] = {}
        self._stems: dict[str, dict[Parts, str]] = {}
        for batch in views.connect(root).sql(_FILES).to_arrow_table().to_batches():
            for uri, sample_id in zip(batch["uri"].to_pylist(), batch["sample_id"].to_pylist(), strict=True):
                last = _plain(uri.rpartition("/")[2])
                stem = PurePosixPath(last).stem
                if last in wanted:
                    self._whole.setdefault(last, {})[_parts(uri)] = sample_id
                if stem in wanted:
                    self._stems.setdefault(stem, {})[(*_parts(uri)[:-1], stem)] = sample_id

    def nearest(self, parts: Parts, least: int) -> set[str]:
        """The samples whose paths agree with most of a name, and with `least` of its parts at least."""
        for files in (self._whole, self._stems):
            agreed: dict[int, set[str]] = {}
            for path, sample_id in files.get(parts[-1], {}).items():
                agreed.setdefault(_agreement(parts, path), set()).add(sample_id)
            if agreed and max(agreed) >= least:
                return agreed[max(agreed)]
        return set()


def _by_id(root: Root, names: list[str]) -> dict[str, str]:
    stems = {name: PurePosixPath(name.rpartition("/")[2]).stem for name in names}
    ids = {name: stem for name, stem in stems.items() if _SAMPLE_ID.fullmatch(stem)}
    known = _targets(root, set(ids.values()))
    return {name: stem for name, stem in ids.items() if stem in known}


def _targets(root: Root, ids: set[str]) -> dict[str, Target]:
    if not ids:
        return {}
    wanted = pa.table({"sample_id": pa.array(sorted(ids), pa.string())})
    sql = "SELECT sample_id, width, height FROM samples SEMI JOIN wanted USING (sample_id)"
    rows = views.connect(root, wanted=wanted).sql(sql).fetchall()
    return {row[0]: Target(*row) for row in rows}


def _parts(name: str) -> Parts:
    plain = _plain(name).replace("\\", "/")
    return tuple(part for part in plain.split("/") if part not in ("", ".")) or ("",)


def _plain(name: str) -> str:
    """Not percent-encoded if it is a URI or a part of one, and with every letter spelt in one way."""
    return unicodedata.normalize("NFC", urllib.parse.unquote(name))


def _common_folders(paths: Iterable[Parts]) -> int:
    """How many folders all of them begin with."""
    folders = [path[:-1] for path in paths]
    first, last = min(folders, default=()), max(folders, default=())
    return next((place for place, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))


def _agreement(one: Parts, other: Parts) -> int:
    """How many parts they have in common, from the last on."""
    pairs = zip(reversed(one), reversed(other), strict=False)
    return next((place for place, pair in enumerate(pairs) if pair[0] != pair[1]), min(len(one), len(other)))


_FILES = """
    SELECT uri, sample_id FROM (
        SELECT uri, sample_id, modified_at FROM objects WHERE outcome IN ('sample', 'copy')
        UNION ALL SELECT uri, sample_id, NULL FROM samples WHERE media = 'frame')
    WHERE sample_id IS NOT NULL ORDER BY modified_at NULLS FIRST"""
