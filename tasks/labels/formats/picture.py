"""What every format is read into and written from: pictures by name, each with one label in our own form."""

from dataclasses import dataclass
from typing import Literal

from tasks.labels.values import LabelType, Value

Wanted = LabelType | Literal["probabilities"]
"""What a reader is asked for; probabilities are what a model says of classes."""

IMAGE_SUFFIXES = frozenset(
    [".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".heic", ".heif", ".avif", ".jp2"]
)


@dataclass(frozen=True)
class Picture:
    """What is said of one picture.

    Attributes:
        name: file name, path or sample_id, as the format names it.
        value: the label, canonical; None if nothing of it could be read.
        width, height: size that the shapes are told for, in pixels, if that is said.
        relative: shapes are shares of width and height, not pixels.
        trouble: what could not be read, a sentence each; the value is what was left.
    """

    name: str
    value: Value | None
    width: int | None = None
    height: int | None = None
    relative: bool = False
    trouble: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contents:
    """What files of labels say.

    Attributes:
        type: of the labels.
        classes: names, in the order of the format.
        pictures: in order, each name once.
        stated: how many shapes, classes and answers there are; a list of pictures has none.
        trouble: what could not be read and belongs to no picture.
        notes: what else there is that is not of this type, in words.
    """

    type: Wanted
    classes: list[str]
    pictures: list[Picture]
    stated: int
    trouble: list[str]
    notes: list[str]
