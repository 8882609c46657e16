"""Folders of classes, CLASS/name.jpg: the class is the folder that a picture lies in, also in train/CLASS/name.jpg.

Classes that no folder can be called by have another, which `classes.json` beside them names.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from tasks.labels.formats.files import read_json
from tasks.labels.formats.fitting import Holds
from tasks.labels.formats.gather import Gathered
from tasks.labels.formats.picture import IMAGE_SUFFIXES, Contents, Picture, Wanted
from tasks.labels.ontology import Ontology
from tasks.labels.values import LabelType
from tasks.store.errors import UsageError
from tasks.store.ids import make_id

IMAGES = "."
HOLDS: dict[LabelType, Holds] = {"class": frozenset()}

_NAMES = "classes.json"


def read(place: Path, wanted: Wanted | None = None) -> Contents:
    """Read the names of the files below the folder. Raises UsageError if there are none."""
    if not place.is_dir():
        raise UsageError(f"{place} is no folder: name the one that holds a folder for each class.")
    names = read_json(place / _NAMES) if (place / _NAMES).is_file() else {}
    found = Gathered(wanted or "class")
    for path in sorted(place.rglob("*")):
        inside = path.relative_to(place)
        if path.suffix.lower() in IMAGE_SUFFIXES and len(inside.parts) > 1:
            with found.row(inside.as_posix(), "its folder"):
                found.add(inside.as_posix(), {"class": names.get(inside.parts[-2], inside.parts[-2])})
    return found.contents()


def write(folder: Path, pictures: Sequence[Picture], ontology: Ontology) -> None:
    """Move the pictures into folders of their classes."""
    names = {name: _folder(name) for name in ontology.class_names}
    for name in names.values():
        (folder / name).mkdir(exist_ok=True)
    for picture in pictures:
        assert picture.value is not None
        (folder / picture.name).replace(folder / names[picture.value["class"]] / Path(picture.name).name)
    others = {put: name for name, put in names.items() if put != name}
    if others:
        (folder / _NAMES).write_text(json.dumps(others, ensure_ascii=False), encoding="utf-8")


def _folder(name: str) -> str:
    """The name of a folder: a class that no folder can be called by gets one of its own."""
    ours = name.startswith((".", "winnow-")) or name == _NAMES
    possible = not set("/\\\0") & set(name) and not ours and len(name.encode()) <= 200
    return name if possible else f"class-{make_id(name)[:12]}"
