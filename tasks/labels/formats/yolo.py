"""YOLO: a text file a picture, a line a box (`class x y width height`, x and y the middle) or polygon, in shares.

Where a model made them, a score stands at the end of the line. Read by hand, since labelformat and supervision have to
open every picture. Folders of Darknet (obj.names) and of Ultralytics (data.yaml) are both read. An empty file is a
picture with nothing on it; a picture without a file is not labelled.
"""

from collections.abc import Sequence
from pathlib import Path

import yaml

from tasks.labels.formats.files import as_name, number, read_text
from tasks.labels.formats.fitting import Holds
from tasks.labels.formats.gather import Gathered
from tasks.labels.formats.picture import Contents, Picture, Wanted
from tasks.labels.ontology import Ontology
from tasks.labels.values import BadLabel, LabelType, Value, shapes
from tasks.store.errors import UsageError

IMAGES = "images"
HOLDS: dict[LabelType, Holds] = {"boxes": frozenset(["empty", "score"]), "masks": frozenset(["empty", "score"])}

_LISTS = frozenset(f"{name}.txt" for name in ("classes", "labels", "train", "val", "valid", "test", "trainval"))
"""Text files that hold no labels."""


def read(place: Path, wanted: Wanted | None = None) -> Contents:
    """Read the folder. Raises UsageError if it has no label files, or does not say what the classes are called."""
    files = [path for path in sorted(place.rglob("*.txt")) if path.name.lower() not in _LISTS]
    if not files:
        raise UsageError(f"{place} is no folder of YOLO labels: it holds no text files.")
    classes = _classes(place)
    lines = {path: [line.split() for line in read_text(path).splitlines() if line.strip()] for path in files}
    drawn = any(len(line) > 6 for each in lines.values() for line in each)
    kind: Wanted = wanted or ("masks" if drawn else "boxes")
    found = Gathered(kind, relative=True)
    found.classes(classes.values())
    for path in files:
        name = path.relative_to(place).with_suffix("").as_posix()
        found.see(name)
        for row, line in enumerate(lines[path], 1):
            with found.row(name, f"line {row}"):
                found.add(name, _shape(line, classes, kind))
    return found.contents()


def write(folder: Path, pictures: Sequence[Picture], ontology: Ontology) -> None:
    """Write `labels/` and `data.yaml`."""
    ids = {name: place for place, name in enumerate(ontology.class_names)}
    for picture in pictures:
        path = (folder / "labels" / picture.name.removeprefix(f"{IMAGES}/")).with_suffix(".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        sides = picture.width or 1, picture.height or 1
        lines = [_line(shape, ids[shape["class"]], sides) for shape in shapes(picture.value or {})]
        path.write_text("".join(f"{line}\n" for line in lines))
    _describe(folder, {"train": IMAGES, "val": IMAGES}, ontology)


def write_sides(folder: Path, ontology: Ontology) -> None:
    """Write the `data.yaml` of three folders, `train`, `validation` and `test`, that `write` wrote."""
    places = {"train": f"train/{IMAGES}", "val": f"validation/{IMAGES}", "test": f"test/{IMAGES}"}
    _describe(folder, places, ontology)


def _describe(folder: Path, places: dict[str, str], ontology: Ontology) -> None:
    document = {"path": ".", **places, "names": dict(enumerate(ontology.class_names))}
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    (folder / "data.yaml").write_text(text, encoding="utf-8")


def _classes(place: Path) -> dict[int, str]:
    """The names of the classes, by number."""
    for path in sorted(place.rglob("*.y*ml")):
        try:
            stated = yaml.safe_load(read_text(path))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise UsageError(f"{path} is no YAML, or only a part of it: get it anew.") from error
        names = stated.get("names") if isinstance(stated, dict) else None
        numbered = dict(enumerate(names)) if isinstance(names, list) else names
        if isinstance(numbered, dict):
            try:
                return {int(row): as_name(name) for row, name in numbered.items()}
            except (TypeError, ValueError) as error:
                raise UsageError(f"{path} names its classes wrongly ({error}): it needs a list of names.") from error
    for pattern in ("*.names", "classes.txt", "labels.txt"):
        for path in sorted(place.rglob(pattern)):
            return dict(enumerate(line.strip() for line in read_text(path).splitlines() if line.strip()))
    raise UsageError(f"{place} does not say what the classes are called: it needs data.yaml, obj.names or classes.txt.")


def _shape(line: list[str], classes: dict[int, str], kind: Wanted) -> Value:
    if int(line[0]) not in classes:
        raise BadLabel(f"there is no class {line[0]}")
    name, numbers = classes[int(line[0])], [float(part) for part in line[1:]]
    if len(numbers) < 4:
        raise BadLabel(f"{len(line)} numbers are too few")
    score = numbers.pop() if (len(numbers) == 5 or len(numbers) > 6) and len(numbers) % 2 else None
    shape: Value = {"class": name, "score": score}
    if kind == "masks":
        if len(numbers) < 6:
            raise BadLabel("a box is no mask")
        return shape | {"polygons": [numbers]}
    if len(numbers) == 4:
        x, y, width, height = numbers
    else:
        xs, ys = numbers[::2], numbers[1::2]
        x, y, width, height = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2, max(xs) - min(xs), max(ys) - min(ys)
    return shape | {"x": x - width / 2, "y": y - height / 2, "width": width, "height": height}


def _line(shape: Value, place: int, sides: tuple[int, int]) -> str:
    if "polygons" in shape:
        numbers = [one / sides[row % 2] for row, one in enumerate(shape["polygons"][0])]
    else:
        width, height = shape["width"] / sides[0], shape["height"] / sides[1]
        numbers = [shape["x"] / sides[0] + width / 2, shape["y"] / sides[1] + height / 2, width, height]
    if "score" in shape:
        numbers.append(shape["score"])
    return " ".join([str(place), *map(number, numbers)])
