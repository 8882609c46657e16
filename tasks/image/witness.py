"""The witness: reads the thumbnails of samples that may be duplicates, once each, and says whether they are."""

from collections.abc import Iterable
from typing import Any

import pyarrow.compute as pc

from tasks.image.decode import decode_thumbnail
from tasks.image.threads import in_threads
from tasks.image.unchanged import unchanged
from tasks.image.verify import Sight, repeats
from tasks.store import tables
from tasks.store.root import Root

CERTAIN = 0.5
"""Share of what is allowed up to which there is nothing to look closely at."""

MOST_REMEMBERED = 1024
"""Pictures that are remembered, of 170 kB at most, before those that nobody asks for are forgotten."""

Pair = tuple[str, str, float]
"""Two samples, and which share of what is allowed lies between them."""


class Seen:
    """A sample as the witness remembers it: its thumbnail, decoded when it is first needed, and its scene."""

    def __init__(self, row: dict[str, Any]) -> None:
        self._thumbnail = row["thumbnail"]
        self._sight: list[Sight | None] = []
        self.sequence, self.sensor = row["sequence_id"], row["sensor_id"]

    @property
    def sight(self) -> Sight | None:
        """What it shows; None if its thumbnail cannot be decoded. Kept without a lock, as `Sight.features` is."""
        if not self._sight:
            try:
                self._sight.append(Sight(decode_thumbnail(self._thumbnail)))
            except (TypeError, ValueError):
                self._sight.append(None)
        return self._sight[0]

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

    def prepare(self, pairs: Iterable[Pair]) -> None:
        """Read the samples that are not remembered; find the features of those that have to be looked at closely."""
        pairs = list(pairs)
        asked = {one for *pair, _ in pairs for one in pair}
        if len(self.seen) > MOST_REMEMBERED:
            self.seen = {one: seen for one, seen in self.seen.items() if one in asked}
        missing = sorted(asked - self.seen.keys())
        if missing:
            self._read(missing)
        seen = ((self.seen[new], self.seen[kept], share) for new, kept, share in pairs)
        closely = {each for new, kept, share in seen if _has_to_be_close(new, kept, share) for each in (new, kept)}
        in_threads(_look_closely, closely)

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


def _has_to_be_close(new: Seen, kept: Seen, share: float) -> bool:
    return share > CERTAIN and not new.of_one_scene(kept)


def _look_closely(seen: Seen) -> None:
    if seen.sight:
        _ = seen.sight.features
