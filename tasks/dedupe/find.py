"""Find the perceptual duplicates of a batch among all kept samples and within it; commit them."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.dedupe.calibrate import (
    DEFAULT_RADIUS,
    DEFAULT_TURNED_RADIUS,
    ENOUGH_SAMPLES,
    LARGEST_RADIUS,
    LARGEST_TURNED_RADIUS,
    calibrated_radius,
    scenes_of,
)
from tasks.dedupe.hashes import HashLook
from tasks.dedupe.kept import kept_samples, unpacked
from tasks.dedupe.settings import DedupeSettings
from tasks.dedupe.stars import Match, find_stars
from tasks.image.phash import orientations, unmirrored
from tasks.image.witness import ThumbnailWitness
from tasks.progress import advance
from tasks.store import choices, staging, views
from tasks.store.commit import Resolved, commit
from tasks.store.log import Log, read_log
from tasks.store.plans import read_plan
from tasks.store.root import Root, open_root
from tasks.store.schema import DUPLICATES
from tasks.store.staging import Staged
from tasks.unit import unit

REVISION = 3
"""Goes up when the code gives other duplicates for the same samples."""

UNSURE = 24
"""Bits beyond the radius in which pictures are looked at: of edits that were cut as well, most lie there.

Fewer where so many samples are kept that chance brings more of them (see hashes.CHANCE).
"""

CHOICE = "dedupe.perceptual"
"""Name of the recorded radii: {"max_distance": bits, "max_turned_distance": bits}."""

PREFERENCE = """width::BIGINT * height DESC, saturation > 0.01 DESC,
    round(log2(greatest(sharpness, 1e-6))) DESC, byte_size DESC, captured_at NULLS LAST, source_uri"""
"""The order in which samples are kept rather: by pixels, colour, sharpness, bytes, time, key.

Colour comes before grey. Sharpness counts in doublings: compression artefacts look sharp, and among pictures about as
sharp more bytes are fewer artefacts.
"""

FOUND = pa.schema(
    [("sample_id", pa.string()), ("kept_id", pa.string()), ("kind", pa.string()), ("distance", pa.float32())]
)
"""One row a sample that was compared; nulls where it is kept."""


@unit("find duplicates")
def find_duplicates(root: str, batch: str) -> Staged:
    """Stage, for every sample of a batch whose ingest is committed, the kept sample that it repeats."""
    opened = open_root(root)
    return judged(batch, "dedupe", *_staged(opened, batch, read_log(opened)))


@unit("commit duplicates")
def commit_duplicates(root: str, batch: str) -> dict[str, Any]:
    """Commit the duplicates of a batch, found again if others were committed since; its counts."""
    opened = open_root(root)

    def resolve(log: Log) -> Resolved:
        _, found = _staged(opened, batch, log)
        rows = as_duplicates(found, batch)
        return Resolved([(DUPLICATES, rows)], {"perceptual": len(rows), "kept": len(found) - len(rows)})

    return commit(opened, batch, "dedupe", resolve).counts


def judged(batch: str, stage: str, uri: str, found: pa.Table) -> Staged:
    """What the gate judges of rows as FOUND."""
    dropped = len(found) - found["kept_id"].null_count
    facts = {"samples": len(found), "kept": len(found) - dropped, "duplicates": dropped}
    return Staged(batch, stage, uri, facts, staging.settings_hash(uri.rsplit("/", 2)[1], facts))


def as_found(ids: pa.ChunkedArray, matches: list[Match | None], kind: str) -> pa.Table:
    """Rows as FOUND."""
    columns = {
        "sample_id": ids,
        "kept_id": [match.kept_id if match else None for match in matches],
        "kind": [kind if match else None for match in matches],
        "distance": [match.distance if match else None for match in matches],
    }
    return pa.table(columns, schema=FOUND)


def as_duplicates(found: pa.Table, batch: str) -> pa.Table:
    """The rows of the table `duplicates`, from rows as FOUND."""
    redundant = found.filter(pc.is_valid(found["kept_id"]))
    columns = {name: redundant[name] for name in found.column_names}
    columns |= {"group_id": redundant["kept_id"], "batch_id": pa.repeat(batch, len(redundant))}
    return pa.table({name: columns[name] for name in DUPLICATES.schema.names}).cast(DUPLICATES.schema)


def _staged(root: Root, batch: str, log: Log) -> tuple[str, pa.Table]:
    """Where the rows (as FOUND) are staged, and the rows; they hold for these radii and these committed batches."""
    samples = _samples(root, batch)
    _, frozen = read_plan(root, batch)
    settings = DedupeSettings(**frozen["dedupe"])
    radii = _radii(root, samples, settings)
    version = staging.settings_hash(radii, settings.verify, log.visible("dedupe"), REVISION)
    uri = staging.shard_uri(root, batch, "dedupe", version, 0)
    found = staging.read_rows(root, uri)
    if found is None:
        found = _find(root, samples, radii, log, verify=settings.verify)
        staging.write_rows(root, uri, found)
    return uri, found


def _samples(root: Root, batch: str) -> pa.Table:
    """Samples of the batch, the ones to be kept rather first."""
    return (
        views.connect(root)
        .sql(
            f"""SELECT sample_id, phash, ringhash, sequence_id, sensor_id, captured_at FROM samples WHERE batch_id = ?
            ORDER BY {PREFERENCE}""",
            params=[batch],
        )
        .to_arrow_table()
    )


def _radii(root: Root, samples: pa.Table, settings: DedupeSettings) -> tuple[int, int]:
    """Bits for both hashes; what `auto` means is settled once a root, by its first batch that is large enough."""
    asked = settings.perceptual
    settled = choices.recall(root, CHOICE)
    if settled is None and len(samples) >= ENOUGH_SAMPLES:
        settled = choices.settle(root, CHOICE, lambda: calibrate(samples))
    settled = settled or {"max_distance": DEFAULT_RADIUS, "max_turned_distance": DEFAULT_TURNED_RADIUS}
    distance = settled["max_distance"] if asked.max_distance == "auto" else asked.max_distance
    turned = settled["max_turned_distance"] if asked.max_turned_distance == "auto" else asked.max_turned_distance
    return int(distance), int(turned)


def calibrate(samples: pa.Table) -> dict[str, int]:
    """The radii that suit these samples: rows with both hashes, sequence_id, sensor_id and captured_at."""
    scenes = scenes_of(samples)
    upright = calibrated_radius(unpacked(samples["phash"]), orientations, scenes, LARGEST_RADIUS)
    turned = calibrated_radius(unpacked(samples["ringhash"]), lambda one: one[None], scenes, LARGEST_TURNED_RADIUS)
    return {"max_distance": upright, "max_turned_distance": turned}


def _find(root: Root, samples: pa.Table, radii: tuple[int, int], log: Log, *, verify: bool) -> pa.Table:
    kept = kept_samples(root, log)
    advance("dedupe", 0, len(samples))
    looks = [
        HashLook(
            unpacked(samples["phash"]),
            kept.phashes,
            radii[0],
            orientations,
            unsure=UNSURE if verify else 0,
            quarter=unmirrored,
        ),
        HashLook(unpacked(samples["ringhash"]), kept.ringhashes, radii[1]),
    ]
    witness = ThumbnailWitness(root) if verify else None
    return as_found(
        samples["sample_id"], find_stars(looks, samples["sample_id"].to_pylist(), kept.ids, witness), "perceptual"
    )
