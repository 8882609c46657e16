"""Near-duplicates at default settings: seeded edits of 300 photographs among all, beside imagededup's PHash."""

import csv
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from tasks.dedupe.calibrate import ENOUGH_SAMPLES
from tasks.dedupe.compare import measure_of
from tasks.dedupe.cosines import NEIGHBOURS, CosineLook, centred
from tasks.dedupe.find import UNSURE, calibrate
from tasks.dedupe.hashes import HashLook
from tasks.dedupe.kept import unpacked
from tasks.dedupe.stars import MOST_TRIES, Look, Witness, find_stars
from tasks.embed import backbone
from tasks.embed.vectors import described, embedded
from tasks.image.decode import decode_thumbnail
from tasks.image.phash import orientations
from tasks.image.verify import Sight, repeats
from tasks.image.weights import Weights
from tasks.image.witness import CERTAIN
from tasks.ingest.measure_file import Job, measure_file
from tasks.store.schema import SAMPLES
from tasks.store.storage import storage_for, to_uri
from tests.benchmarks.benchmark import Result, Skipped
from tests.benchmarks.edit_photograph import edits
from tests.benchmarks.peer import told_by
from tests.benchmarks.photographs import Thumbnails
from tests.benchmarks.pictures import clothing, shared

EDITED = 300
PRECISION = 0.99
ALL = 10_000
WEIGHTS = ("weights", "mobilenetv2_100_in1k_tv.safetensors")
Matches = dict[str, str | None]
"""The photograph that each edit, a file called KIND.PHOTOGRAPH, is taken for."""
Vectors = np.ndarray
PEER_DISTANCE = 10
"""The default of imagededup, in bits of 64."""


def measured(place: Path) -> Iterator[Result]:
    """F1 of the one photograph that each edit is taken for; a match with any other counts as false."""
    photographs = clothing(place / "photographs", ALL)
    (place / "edits").mkdir()
    for seed, photograph in enumerate(photographs[:: len(photographs) // EDITED][:EDITED]):
        pixels = cv2.cvtColor(cv2.imread(str(photograph)), cv2.COLOR_BGR2RGB)
        for kind, content in edits(pixels, seed):
            (place / "edits" / f"{kind}.{photograph.name}").write_bytes(content)
    known, edited = _Measured(photographs), _Measured(sorted((place / "edits").iterdir()))
    try:
        theirs = told_by("peer_matches.py", place / "photographs", place / "edits")
        peer = f"imagededup PHash {_told(_within(theirs, PEER_DISTANCE))}"
    except Skipped as reason:
        theirs, peer = {}, str(reason)
    yield _result("by hashes alone", _by_hash(known, edited, None), 0.85, peer)
    by_hash = _by_hash(known, edited, _Witness(known, edited))
    yield _result("by hashes and looking", by_hash, 0.9, peer)
    models: dict[str, Callable[[list[bytes]], Vectors]] = {"defaults without weights": _described}
    models["defaults with MobileNetV2"] = _network
    for name, vectors_of in models.items():
        ours = by_hash | _by_vectors(known, edited, by_hash, vectors_of)
        yield _result(name, ours, 0.95, peer)
        if theirs:
            yield _misses(name, ours, theirs)
    yield from _natural()


class _Measured:
    """Files as ingest measures them, and what the witness sees of each."""

    def __init__(self, files: list[Path]) -> None:
        self.names = [file.name for file in files]
        columns = ["phash", "ringhash", "captured_at", "sensor_id", "sequence_id", "thumbnail"]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            rows = list(pool.map(measure_file, (_job(file) for file in files)))
        self.rows = pa.Table.from_pylist(rows, schema=pa.schema([SAMPLES.schema.field(name) for name in columns]))
        self.thumbnails: list[bytes] = self.rows["thumbnail"].to_pylist()
        self.sights = {
            name: Sight(decode_thumbnail(jpeg)) for name, jpeg in zip(self.names, self.thumbnails, strict=True)
        }

    def places(self, chosen: Callable[[str], bool]) -> list[int]:
        """Rows of the files whose names are chosen."""
        return [place for place, name in enumerate(self.names) if chosen(name)]


class _Witness(Witness):
    def __init__(self, *measured: _Measured) -> None:
        self.sights = {name: sight for one in measured for name, sight in one.sights.items()}

    def prepare(self, pairs: Any) -> None:
        """All of them are at hand."""

    def agrees(self, new: str, kept: str, share: float) -> bool:
        return share <= CERTAIN or repeats(self.sights[new], self.sights[kept], likely=share <= 1)


def _by_hash(known: _Measured, edited: _Measured, witness: Witness | None) -> Matches:
    settled = calibrate(known.rows)

    def looks(rows: pa.Table) -> list[Look]:
        pairs = [[unpacked(one[name]) for one in (rows, known.rows)] for name in ("phash", "ringhash")]
        return [
            HashLook(*pairs[0], settled["max_distance"], orientations, unsure=UNSURE if witness else 0),
            HashLook(*pairs[1], settled["max_turned_distance"]),
        ]

    return _a_kind_at_a_time(edited, known, lambda places: looks(edited.rows.take(places)), witness)


def _by_vectors(
    known: _Measured, edited: _Measured, by_hash: Matches, vectors_of: Callable[[list[bytes]], Vectors]
) -> Matches:
    """What hashes did not find, by embeddings and then by looking."""
    import faiss

    before = vectors_of(known.thumbnails)
    assert len(before) >= ENOUGH_SAMPLES
    measure = measure_of(before, known.rows, {"name": "", "architecture": None})
    mean = np.array(measure["mean"], np.float32)
    index = faiss.IndexFlatIP(len(mean))
    index.add(centred(before, mean))
    left = {name for name, match in by_hash.items() if match is None}

    def looks(places: list[int]) -> list[Look]:
        vectors = centred(vectors_of([edited.thumbnails[place] for place in places]), mean)
        return [CosineLook(vectors, index, vectors[:0], measure["closer"])]

    return _a_kind_at_a_time(edited, known, looks, _Witness(known, edited), left, tries=NEIGHBOURS)


def _a_kind_at_a_time(
    edited: _Measured,
    known: _Measured,
    looks: Callable[[list[int]], list[Look]],
    witness: Witness | None,
    only: set[str] | None = None,
    tries: int = MOST_TRIES,
) -> Matches:
    """One kind of edit at a time, so that edits of one photograph do not find each other."""
    matches: Matches = {}
    for kind in dict.fromkeys(_kind(name) for name in edited.names):
        places = edited.places(lambda name, kind=kind: _kind(name) == kind and (only is None or name in only))
        names = [edited.names[place] for place in places]
        if not names:
            continue
        found = find_stars(looks(places), names, known.names, witness, tries=tries)
        matches |= {name: match.kept_id if match else None for name, match in zip(names, found, strict=True)}
    return matches


def _natural() -> Iterator[Result]:
    """Average precision on pairs that people judged: CIFAR-10's near-duplicates, 32 pixels wide."""
    folder = shared("neardup", "cifar_pairs")
    with (folder / "pairs.csv").open() as file:
        lines = list(csv.DictReader(file))
    files = sorted({line[column] for line in lines for column in ("file_a", "file_b")})
    measured = _Measured([folder / file for file in files])
    pairs = {frozenset((files.index(line["file_a"]), files.index(line["file_b"]))) for line in lines}
    hashes = unpacked(measured.rows["phash"])
    bits = np.stack([np.unpackbits(hashes[:, None] ^ one[None], axis=2).sum(axis=2) for one in orientations(hashes)])
    alike = 1 - bits.min(axis=0) / 256
    for name, vectors_of in {"descriptor-1": _described, "MobileNetV2": _network}.items():
        vectors = vectors_of(measured.thumbnails)
        vectors = centred(vectors, vectors.mean(axis=0))
        scores = vectors @ vectors.T + alike
        upper = np.triu_indices(len(scores), 1)
        true = np.array([frozenset(pair) in pairs for pair in zip(*upper, strict=True)])
        ranked = true[np.argsort(-scores[upper], kind="stable")]
        precision = float((np.cumsum(ranked) / np.arange(1, len(ranked) + 1))[ranked].mean())
        detail = f"{len(pairs)} pairs among {len(files)} pictures, hash and cosine added up"
        yield Result(f"natural duplicates, average precision, {name}", precision, 0.5, 0, detail)


def _described(thumbnails: list[bytes]) -> Vectors:
    return described(Thumbnails(thumbnails))


def _network(thumbnails: list[bytes]) -> Vectors:
    weights = Weights("mobilenetv2_100", str(shared(*WEIGHTS)))
    return embedded(Thumbnails(thumbnails), backbone.load(weights, "openvino"), 64)


def _job(file: Path) -> Job:
    found = storage_for(to_uri(file)).stat(to_uri(file))
    return Job(found.uri, found.version, found.byte_size, 0, 256, 10**10, 10**8, False, "UTC")


def _kind(edit: str) -> str:
    return edit.partition(".")[0]


def _result(name: str, matches: Matches, aim: float, peer: str) -> Result:
    _, _, f1 = _scores(matches)
    detail = f"{_told(matches)}; {peer}; ours finds least of {_least_found(matches)}"
    return Result(f"near-duplicates, F1, {name}", f1, aim, aim - 0.05, detail)


def _misses(name: str, ours: Matches, theirs: dict[str, tuple[str, int]]) -> Result:
    """What is not found, against what the peer does not find at the largest distance at which 99 % of it is right."""
    scores = [_scores(_within(theirs, distance)) for distance in range(PEER_DISTANCE + 1)]
    found = max(recall for precision, recall, _ in scores if precision >= PRECISION)
    precision, recall, _ = _scores(ours)
    detail = f"precision {precision:.4f}, recall {recall:.4f}; imagededup PHash finds {found:.4f} at {PRECISION:.0%}"
    return Result(f"duplicates missed, ours / PHash, {name}", (1 - recall) / (1 - found), 0.1, 0.2, detail, lower=True)


def _within(theirs: dict[str, tuple[str, int]], distance: int) -> Matches:
    return {edit: name if bits <= distance else None for edit, (name, bits) in theirs.items()}


def _right(matches: Matches) -> list[str]:
    return [edit for edit, match in matches.items() if match == edit.partition(".")[2]]


def _scores(matches: Matches) -> tuple[float, float, float]:
    """Precision, recall, F1."""
    right, given = len(_right(matches)), sum(match is not None for match in matches.values())
    precision, recall = right / max(given, 1), right / len(matches)
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-9)


def _told(matches: Matches) -> str:
    return "P {:.4f} R {:.4f} F1 {:.4f}".format(*_scores(matches))


def _least_found(matches: Matches) -> str:
    right = Counter(_kind(edit) for edit in _right(matches))
    kinds = sorted({_kind(edit) for edit in matches}, key=lambda kind: right[kind])[:5]
    return ", ".join(f"{kind} {right[kind] / EDITED:.2f}" for kind in kinds)
