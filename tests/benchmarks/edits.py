"""Near-duplicates at default settings: seeded edits of 300 photographs among all, beside imagededup's PHash."""

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import pyarrow as pa

from tasks.dedupe.find import calibrate
from tasks.dedupe.kept import unpacked
from tasks.dedupe.stars import Look, find_stars
from tasks.image.phash import orientations
from tasks.ingest.measure_file import Job, measure_file
from tasks.ingest.settings import IngestSettings
from tasks.store.schema import SAMPLES
from tasks.store.storage import storage_for, to_uri
from tests.benchmarks.benchmark import Result, Skipped
from tests.benchmarks.edit_photograph import edits
from tests.benchmarks.peer import told_by
from tests.benchmarks.pictures import clothing

EDITED = 300
ALL = 10_000
Matches = dict[str, str | None]
"""The photograph that each edit, a file called KIND.PHOTOGRAPH, is taken for."""


def measured(place: Path) -> Iterator[Result]:
    """F1 of the one nearest photograph within the default distance; a match with any other counts as false."""
    photographs = clothing(place / "photographs", ALL)
    (place / "edits").mkdir()
    for seed, photograph in enumerate(photographs[:: len(photographs) // EDITED][:EDITED]):
        pixels = cv2.cvtColor(cv2.imread(str(photograph)), cv2.COLOR_BGR2RGB)
        for kind, content in edits(pixels, seed):
            (place / "edits" / f"{kind}.{photograph.name}").write_bytes(content)
    matches, radii = _ours(photographs, sorted((place / "edits").iterdir()))
    _, _, f1 = _scores(matches)
    try:
        peer = f"imagededup PHash {_told(told_by('peer_matches.py', place / 'photographs', place / 'edits'))}"
    except Skipped as reason:
        peer = str(reason)
    detail = f"{_told(matches)}, {radii}; {peer}; ours finds least of {_least_found(matches)}"
    title = f"near-duplicates, F1, {len(matches):,} edits among {len(photographs):,}"
    yield Result(title, f1, 0.85, 0.8, detail)


def _ours(photographs: list[Path], edited: list[Path]) -> tuple[Matches, str]:
    """One kind of edit at a time, so that edits of one photograph do not find each other; radii as `auto` sets them."""
    known = _measured(photographs)
    settled = calibrate(known)
    names = [photograph.name for photograph in photographs]
    matches: Matches = {}
    for kind in dict.fromkeys(_kind(edit.name) for edit in edited):
        files = [edit for edit in edited if _kind(edit.name) == kind]
        asked = _measured(files)
        looks = [
            Look(unpacked(asked["phash"]), unpacked(known["phash"]), settled["max_distance"], orientations),
            Look(unpacked(asked["ringhash"]), unpacked(known["ringhash"]), settled["max_turned_distance"]),
        ]
        found = find_stars(looks, [file.name for file in files], names)
        matches |= {file.name: match.kept_id if match else None for file, match in zip(files, found, strict=True)}
    return matches, f"radii {settled['max_distance']} and {settled['max_turned_distance']} of 256 bits"


def _measured(files: list[Path]) -> pa.Table:
    columns = ["phash", "ringhash", "captured_at", "sensor_id", "sequence_id"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        rows = list(pool.map(measure_file, (_job(file) for file in files)))
    return pa.Table.from_pylist(rows, schema=pa.schema([SAMPLES.schema.field(name) for name in columns]))


def _job(file: Path) -> Job:
    found = storage_for(to_uri(file)).stat(to_uri(file))
    limits = IngestSettings().compute()
    del limits["max_cpu_s"]
    return Job(found.uri, found.version, found.byte_size, deferrals=0, thumbnail_px=256, **limits)


def _kind(edit: str) -> str:
    return edit.partition(".")[0]


def _right(matches: Matches) -> list[str]:
    return [edit for edit, match in matches.items() if match == edit.partition(".")[2]]


def _scores(matches: Matches) -> tuple[float, float, float]:
    """Precision, recall, F1."""
    right, given = len(_right(matches)), sum(match is not None for match in matches.values())
    precision, recall = right / max(given, 1), right / len(matches)
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-9)


def _told(matches: Matches) -> str:
    return "P {:.3f} R {:.3f} F1 {:.3f}".format(*_scores(matches))


def _least_found(matches: Matches) -> str:
    right = Counter(_kind(edit) for edit in _right(matches))
    kinds = sorted({_kind(edit) for edit in matches}, key=lambda kind: right[kind])[:5]
    return ", ".join(f"{kind} {right[kind] / EDITED:.2f}" for kind in kinds)
