"""The pictures that benchmarks run on: photographs of the test data, and large ones made of installed photographs."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import simplejpeg

from tasks.ingest.example import PHOTOGRAPHS, _photograph
from tests.benchmarks.benchmark import Skipped
from tests.conftest import DATA

MIDDLE, LARGE = (1024, 768), (4000, 3000)
NOISE = 5
"""Standard deviation, grey levels: makes files of 2 to 2.5 MB, as cameras do."""


def shared(*names: str) -> Path:
    """A file or folder of the test data. Raises Skipped where it is not there."""
    place = DATA.joinpath(*names).resolve()
    if not place.exists():
        raise Skipped(f"no test data at {DATA}: set WINNOW_TEST_DATA")
    return place


def clothing(folder: Path, count: int) -> list[Path]:
    """Copies of the first `count` clothing photographs, about 400 x 533 pixels each."""
    found = sorted(shared("photos", "clothing").rglob("*.jpg"))[:count]
    folder.mkdir(parents=True)
    return [Path(shutil.copy(file, folder / f"{file.parent.name}-{file.name}")) for file in found]


def made_photographs(folder: Path, count: int, size: tuple[int, int] = LARGE) -> list[Path]:
    """Photographs of (width, height) pixels: scaled crops of installed ones with noise, the same each time."""
    folder.mkdir(parents=True)
    sources = [_photograph(name) for name in sorted(PHOTOGRAPHS)]
    noise = np.random.default_rng(0).normal(0, NOISE, (size[1], size[0], 3)).astype(np.int8)

    def write(number: int) -> Path:
        place = folder / f"{number:03d}.jpg"
        place.write_bytes(_made_photograph(sources[number % len(sources)], noise, number))
        return place

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(write, range(count)))


def _made_photograph(source: np.ndarray, noise: np.ndarray, seed: int) -> bytes:
    chance = np.random.default_rng(seed)
    height, width = source.shape[:2]
    wide = int(min(width, height * 4 / 3) * chance.uniform(0.6, 0.95))
    high = wide * 3 // 4
    left, top = chance.integers(0, width - wide + 1), chance.integers(0, height - high + 1)
    scene = cv2.resize(source[top : top + high, left : left + wide], noise.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    shifted = np.roll(noise, int(chance.integers(0, len(noise))), axis=0)
    noisy = np.clip(scene.astype(np.int16) + shifted, 0, 255).astype(np.uint8)
    return bytes(simplejpeg.encode_jpeg(noisy, 90, "RGB", "420"))
