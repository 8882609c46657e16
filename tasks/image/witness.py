"""The witness: reads the thumbnails of samples that may be duplicates, once each, and says whether they are."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import pyarrow.compute as pc

from tasks.image.decode import decode_thumbnail
from tasks.image.unchanged import unchanged
from tasks.image.verify import Sight, repeats
from tasks.store import tables
from tasks.store.root import Root

CERTAIN = 0.5
"""Share of what is allowed up to which there is nothing to look closely at."""

MOST_REMEMBERED = 4096
"""Pictures that are remembered, about 100 kB each, before they are all forgotten."""


class Seen:
    """A sample as the witness remembers it: its thumbnail, decoded when it is first needed, and its scene."""

    def __init__(self, row: dict[str, Any]) -> None:
        self._thumbnail = row["thumbnail"]
        self.sequence, self.sensor = row["sequence_id"], row["sensor_id"]

    @cached_property
    def sight(self) -> Sight | None:
        """What it shows; None if its thumbnail cannot be decoded."""
        try:
            return Sight(decode_thumbnail(self._thumbnail))
        except (TypeError, ValueError):
            return None

    def of_one_scene(self, other: "Seen") -> bool:
        """Whether both are of one sequence or one sensor: what they share is the place, not what happens there."""
        same_sequence = self.sequence is not None and self.sequence == other.sequence
        return same_sequence or (self.sensor is not None and self.sensor == other.sensor)


class ThumbnailWitness:
    """A witness that looks at thumbnails.

    In samples of one sequence or one sensor nothing may have changed; others have to pass `verify.repeats` unless it is
    certain that they do.
    """

    def __init__(self, root: Root) -> None:
        self.root = root
        self.seen: dict[str, Seen] = {}

    def prepare(self, ids: Iterable[str], closely: Iterable[str]) -> None:
        """Read the samples that are not remembered; find the features of those to look at closely."""
        if len(self.seen) > MOST_REMEMBERED:
            self.seen.clear()
        missing = sorted(set(ids) - self.seen.keys())
        if missing:
            self._read(missing)
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            list(pool.map(_look_closely, [self.seen[one] for one in closely]))

    def agrees(self, new: str, kept: str, share: float) -> bool:
        """Whether `new` repeats `kept`; what cannot be seen repeats nothing that has to be looked at."""
        one, other = self.seen[new], self.seen[kept]
        same_scene = one.of_one_scene(other)
        if not same_scene and share <= CERTAIN:
            return True
        if one.sight is None or other.sight is None:
            return False
        if same_scene:
            return unchanged(one.sight.pixels, other.sight.pixels)
        return repeats(one.sight, other.sight, likely=share <= 1)

    def _read(self, ids: list[str]) -> None:
        columns = ["thumbnail", "source_uri", "sequence_id", "sensor_id"]
        rows = tables.lookup(tables.open_table(self.root, "samples"), "sample_id", ids, columns).to_pylist()
        said = _metadata(self.root, [row["source_uri"] for row in rows])
        self.seen |= {row["sample_id"]: Seen({**row, **said.get(row["source_uri"], {})}) for row in rows}


def _metadata(root: Root, uris: list[str]) -> dict[str, dict[str, str]]:
    """Sequence and sensor as metadata tell them by now (as the view `samples`), where they do, by the file."""
    dataset = tables.open_table(root, "metadata")
    if dataset is None:
        return {}
    columns = ["uri", "revision", "sequence_id", "sensor_id"]
    rows = dataset.scanner(columns=columns, filter=pc.field("uri").isin(uris)).to_table().sort_by("revision")
    names = ("sequence_id", "sensor_id")
    return {row["uri"]: {name: row[name] for name in names if row[name] is not None} for row in rows.to_pylist()}


def _look_closely(seen: Seen) -> None:
    if seen.sight:
        _ = seen.sight.features
