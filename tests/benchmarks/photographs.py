"""Photographs with classes, and their vectors."""

import csv
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.embed import backbone
from tasks.embed.vectors import embedded
from tasks.image.decode import Pixels, decode, decode_thumbnail
from tasks.image.thumbnail import encode, shrink
from tasks.image.weights import Weights
from tests.benchmarks.pictures import shared

CHECKPOINT = ("weights", "mobilenetv2_100_in1k_tv.safetensors")


class Thumbnails(list[bytes]):
    """JPEGs, as embed asks for pictures."""

    def of(self, part: slice) -> list[Pixels]:
        """Their pixels."""
        return [decode_thumbnail(jpeg) for jpeg in self[part]]


@dataclass(frozen=True)
class Photographs:
    """Pictures with labels: (n, d) float32 unit rows, (n,) codes of the true classes, their files."""

    name: str
    vectors: np.ndarray
    truth: np.ndarray
    files: list[str]


def clothing() -> Photographs:
    """Of the shared folder, all sides; files are relative to it, as train/dress/NAME.jpg."""
    folder = shared("photos", "clothing")
    places = sorted(folder.rglob("*.jpg"))
    files = [place.relative_to(folder).as_posix() for place in places]
    vectors = vectors_of([one.read_bytes() for one in places])
    return Photographs("clothing", vectors, _codes([file.split("/")[1] for file in files]), files)


def cifar() -> Photographs:
    """Half of the CIFAR-10 test set."""
    with shared("label_issues", "index.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    with tarfile.open(shared("label_issues", "cifar10_test_even.tar")) as tar:
        contents = [tar.extractfile(row["file"]).read() for row in rows]  # type: ignore[union-attr]
    files = [row["file"] for row in rows]
    return Photographs("CIFAR-10", vectors_of(contents), _codes([row["label"] for row in rows]), files)


def vectors_of(contents: Sequence[bytes]) -> np.ndarray:
    """(n, d) float32, unit rows: embedded as curate embeds them, from thumbnails."""
    model = backbone.load(Weights("mobilenetv2_100", str(shared(*CHECKPOINT))), "torch")
    pictures = (decode(content, max_pixels=10**8, short_side=256).pixels for content in contents)
    return embedded(Thumbnails(encode(shrink(pixels, 256)) for pixels in pictures), model, 64)


def _codes(classes: list[str]) -> np.ndarray:
    return np.unique(classes, return_inverse=True)[1]
