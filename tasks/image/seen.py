"""What a model is to see of an original, read again and decoded in a process of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tasks.image.decode import Pixels, Undecodable, decode
from tasks.image.isolation import run_isolated
from tasks.image.original import MAX_PIXELS, Original, read_again
from tasks.image.square import square_around
from tasks.image.thumbnail import shrink
from tasks.store.errors import Unreachable, WinnowError
from tasks.store.storage import shown

MAX_CPU_S = 60
"""Processor seconds that decoding one original may take."""

Edges = tuple[float, float, float, float]


@dataclass(frozen=True)
class Seen:
    """What is to be seen of one picture.

    Attributes:
        short_side: pixels that are enough on the short side.
        crop: share of a square around an object that holds it.
        edges: left, top, right and bottom of each object, in pixels of the original; none for the whole picture.
    """

    short_side: int
    crop: float = 1.0
    edges: tuple[Edges, ...] = ()

    def of(self, pixels: Pixels, scale: tuple[float, float] = (1.0, 1.0)) -> list[Pixels]:
        """It, of upright pixels that are `scale` times the original's, across and down."""
        if not self.edges:
            return [shrink(pixels, self.short_side)]
        across, down = scale
        scaled = [(left * across, top * down, right * across, low * down) for left, top, right, low in self.edges]
        return [square_around(pixels, edges, self.crop, self.short_side) for edges in scaled]


def seen_again(asked: Sequence[tuple[Original, Seen]]) -> Iterator[list[Pixels] | None]:
    """What is to be seen of each original, (h, w, 3) uint8 RGB; None if it is gone, or is no longer the same.

    Raises:
        WinnowError: a store fails: what is there may be had later.
    """
    for chunk in run_isolated(see_original, asked, max_pixels=MAX_PIXELS, max_cpu_s=MAX_CPU_S):
        yield from (None if isinstance(found, Undecodable) else found for found in chunk)


def see_original(job: tuple[Original, Seen]) -> list[Pixels] | None:
    """The same of one, in a process of its own."""
    original, seen = job
    try:
        content = read_again(original)
    except Unreachable as error:
        raise WinnowError(f"{shown(original.uri)} cannot be read now ({error}): run the same command again.") from error
    if content is None:
        return None
    return seen.of(decode(content, max_pixels=MAX_PIXELS, short_side=None if seen.edges else seen.short_side).pixels)
