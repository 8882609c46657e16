"""Pictures to unit vectors: decoded and cut ahead, in threads, while the model computes."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.embed import descriptor
from tasks.embed.backbone import Backbone
from tasks.image.decode import Pixels
from tasks.image.square import central_square
from tasks.progress import advance

Vectors = NDArray[np.float32]

AHEAD = 3
"""Batches that are decoded before the model asks for them."""

DESCRIBED_AT_ONCE = 64
"""Pictures that a thread describes before it takes the next."""

_one_model_at_a_time = threading.Lock()


class Pictures(Protocol):
    """Pictures that are decoded a part of them at a time; `of` may be called from any thread."""

    def __len__(self) -> int: ...

    def of(self, part: slice) -> list[Pixels]: ...  # noqa: D102


def described(pictures: Pictures) -> Vectors:
    """descriptor-1 of every picture: (n, 336) float32, unit rows."""
    parts = [np.zeros((0, descriptor.DIMENSIONS), np.float32)]
    for rows in _prefetched(pictures, DESCRIBED_AT_ONCE, descriptor.describe, 1 + (os.cpu_count() or 1)):
        parts.append(rows)
        advance("embed", len(rows))
    return np.concatenate(parts)


def embedded(pictures: Pictures, backbone: Backbone, batch: int) -> Vectors:
    """Vectors of a backbone for every picture: (n, d) float32, unit rows."""
    parts = [np.zeros((0, backbone.dimensions), np.float32)]
    for images in _prefetched(pictures, batch, lambda pixels: central_square(pixels, backbone.side, backbone.crop)):
        with _one_model_at_a_time:
            parts.append(unit_rows(backbone.forward(images)))
        advance("embed", len(images))
    return np.concatenate(parts)


def unit_rows(vectors: Vectors) -> Vectors:
    """Rows scaled to length 1; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = vectors / np.maximum(lengths, 1e-12)
    return scaled


def _prefetched(
    pictures: Pictures, batch: int, make: Callable[[Pixels], NDArray[Any]], ahead: int = AHEAD
) -> Iterator[NDArray[Any]]:
    """What is made of every picture, a batch stacked at a time; by threads, and never more than some of them ahead."""

    def made(start: int) -> NDArray[Any]:
        return np.stack([make(pixels) for pixels in pictures.of(slice(start, min(start + batch, len(pictures))))])

    starts = range(0, len(pictures), batch)
    with ThreadPoolExecutor(min(ahead, os.cpu_count() or 1)) as pool:
        waiting = [pool.submit(made, start) for start in starts[:ahead]]
        for following in [*starts[ahead:], *[None] * min(ahead, len(starts))]:
            yield waiting.pop(0).result()
            if following is not None:
                waiting.append(pool.submit(made, following))
