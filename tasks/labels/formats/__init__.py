"""Formats of labels: one file each. To add one, copy one that is like it, and name it here.

Shapes are in pixels of the upright original throughout; a format that counts otherwise says so in its file.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from tasks.labels.formats import (
    coco,
    csv_rows,
    cvat,
    folders,
    imagefolder,
    label_studio,
    openimages,
    voc,
    webdataset,
    yolo,
)
from tasks.labels.formats.fitting import Holds, fitting
from tasks.labels.formats.picture import Contents, Picture, Wanted
from tasks.labels.ontology import Ontology
from tasks.labels.values import LabelType
from tasks.store.errors import UsageError


class Format(Protocol):
    """What every format says of itself."""

    HOLDS: dict[LabelType, Holds]
    """The types of labels that it can hold, the first one if nothing else says, and what it can hold of each."""


class Reader(Format, Protocol):
    """A format that can be imported."""

    def read(self, place: Path, wanted: Wanted | None = None) -> Contents:
        """Read files of labels, as labels of the type that is wanted, or of the type that they are.

        What is wrong with a single row is trouble of its picture.

        Raises:
            UsageError: the files are of another format, or only a part of them is there.
        """


class Writer(Format, Protocol):
    """A format that can be exported."""

    IMAGES: str
    """The folder below the export in which the pictures lie when `write` is called."""

    def write(self, folder: Path, pictures: Sequence[Picture], ontology: Ontology, /) -> None:
        """Write labels of the type that the ontology has; `Picture.name` is the file below `folder`.

        They have nothing that the format does not hold: see `write_labels`.
        """


READERS: dict[str, Reader] = {
    "folders": folders,
    "csv": csv_rows,
    "coco": coco,
    "yolo": yolo,
    "voc": voc,
    "cvat": cvat,
    "openimages": openimages,
    "label-studio": label_studio,
}

WRITERS: dict[str, Writer] = {
    "folders": folders,
    "csv": csv_rows,
    "coco": coco,
    "yolo": yolo,
    "voc": voc,
    "cvat": cvat,
    "openimages": openimages,
    "label-studio": label_studio,
    "imagefolder": imagefolder,
    "webdataset": webdataset,
}


def read_labels(form: str, place: str, wanted: Wanted | None = None) -> Contents:
    """Read labels of a format.

    Raises:
        UsageError: there is no such format or no such file, it is wrong, or it holds no labels of the wanted type.
    """
    reader, path = READERS.get(form), Path(place).expanduser()
    if reader is None:
        raise UsageError(f"--format is {form!r}; it can be {', '.join(READERS)}.")
    if wanted is not None and wanted != "probabilities":
        refuse_type(form, reader, wanted)
    if "://" in place:
        raise UsageError(f"{place} is no file of this machine: copy it here first.")
    if not path.exists():
        raise UsageError(f"{path} is not there: name a file or folder of labels.")
    contents = reader.read(path, wanted)
    if not contents.stated:
        wrong = [*contents.trouble, *(one for picture in contents.pictures for one in picture.trouble)]
        raise UsageError(f"{path} holds no labels that can be read{': ' + wrong[0] if wrong else ''}.")
    return contents


def write_labels(
    form: str, folder: Path, pictures: Sequence[Picture], ontology: Ontology
) -> tuple[list[Picture], list[str]]:
    """Write labels in a format; pictures of which it can hold nothing are taken away.

    Args:
        form: name of the format.
        folder: where the files of the pictures lie already, by their names.
        pictures: in pixels of these files.
        ontology: of their labels.

    Returns:
        The pictures as they were written, and in words what the format cannot hold of them.
    """
    writer = WRITERS[form]
    kept, words = fitting(pictures, writer.HOLDS[ontology.type])
    for left_out in {picture.name for picture in pictures} - {picture.name for picture in kept}:
        (folder / left_out).unlink(missing_ok=True)
    writer.write(folder, kept, ontology)
    return kept, words


def refuse_type(form: str, known: Format, kind: LabelType) -> None:
    """Raise UsageError unless the format holds labels of that type."""
    if kind not in known.HOLDS:
        able = [name for name, one in WRITERS.items() if kind in one.HOLDS]
        raise UsageError(f"{form} holds {' and '.join(known.HOLDS)}, no {kind}: take one of {', '.join(able)}.")
