"""A resized copy of the pictures of a snapshot, made once and mapped into memory from then on."""

import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.learn.fit.settings import Source
from tasks.learn.models.pictures import AT_ONCE, is_enlarged, pictures_of, square_of
from tasks.progress import advance
from tasks.store import tables
from tasks.store.errors import UsageError
from tasks.store.root import Root
from tasks.store.storage import in_bucket, to_path


@dataclass(frozen=True)
class Pictures:
    """Squares of pictures on this machine.

    Attributes:
        path: of a NumPy file, (n, side, side, 3) uint8 RGB, rows in the order of the samples.
        scales: (n,) pixels of the square a pixel of the upright original; 1 where they were cut.
        folder: that goes when they are no longer used, if they are not kept in the root.
        notes: what their users should know, in words.
    """

    path: Path
    scales: NDArray[np.float64]
    notes: list[str] = field(default_factory=list)
    folder: AbstractContextManager[Any] = field(default_factory=nullcontext)

    def open(self) -> NDArray[np.uint8]:
        """The squares, read from the disk as they are looked at."""
        squares: NDArray[np.uint8] = np.load(self.path, mmap_mode="r", allow_pickle=False)
        return squares


def copy_pictures(
    root: Root, snapshot: str, samples: Sequence[str], side: int, *, whole: bool, source: Source = "thumbnail"
) -> Pictures:
    """Squares of the samples, unless they are there already.

    Args:
        root: where they are. In a folder the copy is kept in its staging; else on this machine, for a while.
        snapshot: name of the snapshot.
        samples: ids.
        side: of the squares, pixels.
        whole: all of each picture in the upper left of its square, black beyond it; else its middle.
        source: what the squares are made of.

    Raises:
        UsageError: pictures of the snapshot are no longer there.
        WinnowError: a store fails that originals are in.
    """
    folder: Any = nullcontext()
    if in_bucket(root.uri):
        folder = tempfile.TemporaryDirectory(prefix="winnow-")
        place = Path(folder.name)
    else:
        place = to_path(root.at("staging", snapshot, "pixels"))
        place.mkdir(parents=True, exist_ok=True)
    path = place / f"{'whole' if whole else 'middle'}-{side}-{source}-{len(samples)}.npy"
    scales = _scales(root, samples, side) if whole else np.ones(len(samples))
    if not path.is_file():
        _copy(root, path, samples, side, whole, source)
    return Pictures(path, scales, json.loads(_notes_of(path).read_bytes()), folder)


def forget_pictures(root: Root, snapshot: str) -> None:
    """Remove the copy; it is made again where it is needed."""
    root.storage.delete(root.at("staging", snapshot, "pixels"))


def _notes_of(path: Path) -> Path:
    return path.with_suffix(".json")


def _copy(root: Root, path: Path, samples: Sequence[str], side: int, whole: bool, source: Source) -> None:
    """Write what the user should know of the squares, and the squares."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    squares = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=(len(samples), side, side, 3))
    advance("copy", 0, len(samples))
    small = enlarged = 0
    for start in range(0, len(samples), AT_ONCE):
        some = samples[start : start + AT_ONCE]
        pictures = pictures_of(root, some, source, side, whole=whole)
        _refuse_gone(len(some) - len(pictures))
        for place, picture in enumerate(pictures, start):
            squares[place] = square_of(picture[1], side, whole=whole)
            small += picture[2]
            enlarged += is_enlarged(picture, side, whole=whole)
        advance("copy", len(some))
    squares.flush()
    notes = []
    if source == "original" and small:
        notes = [f"{small} of {len(samples)} originals are gone or changed: their thumbnails were learned from."]
    elif enlarged:
        notes = [
            f"{enlarged} of {len(samples)} thumbnails are smaller than the squares of {side} pixels that were learned "
            "from; learn.fit.pixels: original shows the network more."
        ]
    _notes_of(path).write_text(json.dumps(notes))
    os.replace(part, path)


def _scales(root: Root, samples: Sequence[str], side: int) -> NDArray[np.float64]:
    rows = tables.lookup(tables.open_table(root, "samples"), "sample_id", samples, ["width", "height"])
    _refuse_gone(len(samples) - len(rows))
    longest = np.maximum(rows["width"].to_numpy(), rows["height"].to_numpy())
    return np.asarray(side / longest, np.float64)


def _refuse_gone(missing: int) -> None:
    if missing:
        raise UsageError(f"{missing} or more pictures of the snapshot are gone from this root: make a new snapshot.")
