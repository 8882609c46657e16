"""Thumbnails to unit vectors: decode and prefetch in threads while the model computes."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.embed import descriptor
from tasks.embed.backbone import Backbone
from tasks.image.decode import Pixels, decode_thumbnail
from tasks.progress import advance

Vectors = NDArray[np.float32]

AHEAD = 3
"""Batches that are decoded before the model asks for them."""

LONGEST_STRIP = 4
"""Short sides of a strip that are scaled: 4096 x 1 pixels would become a million by 256 for the sake of its middle."""

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


def central_square(pixels: Pixels, side: int, crop: float) -> Pixels:
    """What a model is shown: scaled until `side` pixels are `crop` of the short side, cut out of the middle."""
    pixels = _without_ends(pixels)
    height, width = pixels.shape[:2]
    scale = side / crop / min(height, width)
    size = (max(side, round(width * scale)), max(side, round(height * scale)))
    if size != (width, height):
        smaller = size[0] < width
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
    top, left = (size[1] - side) // 2, (size[0] - side) // 2
    return pixels[top : top + side, left : left + side]


def _without_ends(pixels: Pixels) -> Pixels:
    """A strip without what the square leaves out anyway, as much at both ends; other pictures stay as they are."""
    height, width = pixels.shape[:2]
    longest = LONGEST_STRIP * min(height, width)
    top, left = max(0, height - longest) // 2, max(0, width - longest) // 2
    return pixels[top : height - top, left : width - left]


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
