"""Thumbnails to unit vectors: decode and prefetch in threads while the model computes."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from tasks.embed import descriptor
from tasks.embed.backbone import Backbone
from tasks.image.decode import decode_thumbnail
from tasks.image.square import central_square
from tasks.progress import advance

Vectors = NDArray[np.float32]

AHEAD = 3
"""Batches that are decoded before the model asks for them."""

_one_model_at_a_time = threading.Lock()


def described(thumbnails: list[bytes]) -> Vectors:
    """descriptor-1 of every thumbnail: (n, 336) float32, unit rows."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        rows = []
        for row in pool.map(lambda jpeg: descriptor.describe(decode_thumbnail(jpeg)), thumbnails):
            rows.append(row)
            if len(rows) % 64 == 0:
                advance("embed", 64)
    advance("embed", len(rows) % 64)
    return np.stack(rows) if rows else np.zeros((0, descriptor.DIMENSIONS), np.float32)


def embedded(thumbnails: list[bytes], backbone: Backbone, batch: int) -> Vectors:
    """Vectors of a backbone for every thumbnail: (n, d) float32, unit rows."""
    parts = [np.zeros((0, backbone.dimensions), np.float32)]
    for images in _prefetched(thumbnails, backbone, batch):
        with _one_model_at_a_time:
            parts.append(unit_rows(backbone.forward(images)))
        advance("embed", len(images))
    return np.concatenate(parts)


def unit_rows(vectors: Vectors) -> Vectors:
    """Rows scaled to length 1; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = vectors / np.maximum(lengths, 1e-12)
    return scaled


def _prefetched(thumbnails: list[bytes], backbone: Backbone, batch: int) -> Iterator[NDArray[np.uint8]]:
    """Batches of (n, side, side, 3) uint8, decoded ahead by threads, never more than AHEAD at once."""

    def decoded(start: int) -> NDArray[np.uint8]:
        part = thumbnails[start : start + batch]
        return np.stack([central_square(decode_thumbnail(jpeg), backbone.side, backbone.crop) for jpeg in part])

    starts = range(0, len(thumbnails), batch)
    with ThreadPoolExecutor(min(AHEAD, os.cpu_count() or 1)) as pool:
        waiting = [pool.submit(decoded, start) for start in starts[:AHEAD]]
        for following in [*starts[AHEAD:], *[None] * min(AHEAD, len(starts))]:
            yield waiting.pop(0).result()
            if following is not None:
                waiting.append(pool.submit(decoded, following))
