"""Pictures made for tests: no two alike, all deterministic."""

import io
import os
from pathlib import Path

import cv2
import numpy as np
from PIL import Image


def photograph(seed: int, width: int = 96, height: int = 72) -> np.ndarray:
    """A made scene: soft coloured blobs and edges; (height, width, 3) uint8 RGB. Seeds give unrelated scenes."""
    chance = np.random.default_rng(seed)
    coarse = chance.uniform(0, 255, (7, 9, 3)).astype(np.float32)
    scene = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(4):
        corner = chance.integers(0, (width, height))
        size = chance.integers(8, 40, 2)
        colour = chance.uniform(0, 255, 3).tolist()
        cv2.rectangle(scene, corner.tolist(), (corner + size).tolist(), colour, -1)
    return np.clip(scene, 0, 255).astype(np.uint8)


def jpeg(pixels: np.ndarray, quality: int = 92, **options: object) -> bytes:
    """JPEG bytes of RGB pixels."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, format="JPEG", quality=quality, **options)
    return content.getvalue()


class Maker:
    """Writes made pictures into a source folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, name: str, content: bytes) -> Path:
        """Write a file; its mtime is fixed, so that it is the same object wherever it is written again."""
        place = self.folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        os.utime(place, (1_700_000_000, 1_700_000_000))
        return place

    def tinted(self, count: int, **size: int) -> None:
        """Write `count` photographs that are red, green, blue, red and so on: 000.jpg, 001.jpg."""
        for number in range(count):
            scene = photograph(number, **size)
            scene[:, :, number % 3] = 128 + scene[:, :, number % 3] // 2
            scene[:, :, (number + 1) % 3] //= 2
            self.write(f"{number:03d}.jpg", jpeg(scene))

    def photographs(self, count: int, first: int = 0, folder: str = "cam", **size: int) -> list[Path]:
        """Write `count` unrelated photographs."""
        return [
            self.write(f"{folder}/{seed:05d}.jpg", jpeg(photograph(seed, **size)))
            for seed in range(first, first + count)
        ]
