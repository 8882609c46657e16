"""WebDataset: tar files with a picture and its label (`.json`, and `.cls` where it is one class) side by side.

Only written, with the standard library: the same pictures give the same bytes. `classes.txt` has the classes, a line
each, in the order of the numbers in `.cls`.
"""

import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tasks.labels.formats.fitting import EVERYTHING, Holds
from tasks.labels.formats.picture import Picture
from tasks.labels.ontology import Ontology
from tasks.labels.values import LabelType

IMAGES = "data"
HOLDS: dict[LabelType, Holds] = {
    "class": EVERYTHING - {"unusable"},
    "multilabel": EVERYTHING - {"unusable"},
    "boxes": EVERYTHING - {"unusable"},
    "masks": EVERYTHING - {"unusable"},
}

SHARD_BYTES = 500_000_000
"""Pictures in one tar file: it is closed when it has so many bytes."""


def write(folder: Path, pictures: Sequence[Picture], ontology: Ontology) -> None:
    """Write `00000.tar` and so on, and take the loose pictures away."""
    for number, part in enumerate(_shards(folder, pictures)):
        beside = folder / f".{number:05d}.part"
        with tarfile.open(beside, "w", format=tarfile.PAX_FORMAT) as tar:
            for picture in part:
                _add(tar, picture, (folder / picture.name).read_bytes(), ontology.class_names)
        beside.replace(folder / f"{number:05d}.tar")
    lines = "".join(f"{' '.join(name.split())}\n" for name in ontology.class_names)
    (folder / "classes.txt").write_text(lines, encoding="utf-8")
    for picture in pictures:
        (folder / picture.name).unlink()
    (folder / IMAGES).rmdir()


def _shards(folder: Path, pictures: Sequence[Picture]) -> Iterator[list[Picture]]:
    part: list[Picture] = []
    size = 0
    for picture in pictures:
        part.append(picture)
        size += (folder / picture.name).stat().st_size
        if size >= SHARD_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part


def _add(tar: tarfile.TarFile, picture: Picture, jpeg: bytes, classes: Sequence[str]) -> None:
    value = picture.value or {}
    key = Path(picture.name).stem
    label = {**value, "image_width": picture.width, "image_height": picture.height}
    parts = {"jpg": jpeg, "json": json.dumps(label, ensure_ascii=False).encode()}
    if "class" in value:
        parts["cls"] = str(classes.index(value["class"])).encode()
    for ending, content in parts.items():
        entry = tarfile.TarInfo(f"{key}.{ending}")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
