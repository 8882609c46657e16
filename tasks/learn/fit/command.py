"""A trainer of the user's own: a program that reads an exported snapshot and writes what its model predicts.

The folder of the snapshot holds `images/<sample_id>.jpg` and `labels.csv` (sample_id, file, side, label), or for boxes
`labels.json` in COCO's form with `side` and `sample_id` on each image. The program writes one JSON object a line:
{"sample_id": ..., "probabilities": {class: p}}, or {"sample_id": ..., "boxes": [{class, x, y, width, height, score}]}
in pixels of the image that it was given.
"""

import csv
import json
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tasks.image.upright import write_upright
from tasks.labels.values import BadLabel, as_text, canonical_prediction, classes, shapes
from tasks.learn.fit.examples import Examples
from tasks.learn.fit.fitted import Trained
from tasks.learn.settings import LearnSettings
from tasks.store import tables
from tasks.store.errors import UsageError, WinnowError
from tasks.store.root import Root
from tasks.store.storage import to_uri

MAX_CPU_S = 60
"""Processor seconds that decoding one original may take."""

SAID = 400
"""Letters of what a failed program said that are told."""

Sizes = dict[str, dict[str, int]]


def fit_by_command(examples: Examples, *, root: Root, version: str, settings: LearnSettings) -> Trained:
    """Run the program of `learn.command` on the snapshot; what it predicts is what its model is known by.

    Raises:
        UsageError: the command is none, or what it wrote is no predictions of this snapshot.
        WinnowError: it failed.
    """
    command = _words(str(settings.command))
    with tempfile.TemporaryDirectory(prefix="winnow-") as place:
        folder, wanted = Path(place, "snapshot"), Path(place, "predictions.jsonl")
        sizes = _write(root, examples, folder)
        _run([word.format(snapshot=folder, predictions=wanted) for word in command])
        values = _read(wanted, examples, sizes)
    notes = [f"{version} is a model of your own: Winnow has its predictions of this snapshot, not its weights."]
    return Trained({}, {}, values, len(examples.rows("train")), notes=notes)


def _words(command: str) -> list[str]:
    """The program and its arguments, as no shell would see them. Raises UsageError."""
    try:
        words = shlex.split(command)
        shown = [word.format(snapshot="S", predictions="P") for word in words]
    except (ValueError, KeyError, IndexError) as error:
        raise UsageError(
            f"learn.command cannot be read ({error}); it is a program and its arguments, with {{snapshot}} and "
            "{predictions} for the folder and the file."
        ) from error
    if words == shown or "{predictions}" not in command:
        raise UsageError("learn.command has to say where {snapshot} and {predictions} go among its arguments.")
    return words


def _write(root: Root, examples: Examples, folder: Path) -> Sizes:
    """Write the snapshot; width and height of every image, and by how much it is smaller than the original."""
    (folder / "images").mkdir(parents=True)
    samples = tables.lookup(
        tables.open_table(root, "samples"), "sample_id", examples.ids, ["uri", "media", "width", "height"]
    )
    if len(samples) < len(examples.ids):
        raise UsageError(
            f"{len(examples.ids) - len(samples)} pictures of snapshot {examples.snapshot.name} are gone from this "
            "root: make a new snapshot."
        )
    sizes: Sizes = {}
    for part in write_upright(root, to_uri(folder / "images"), samples, quality=None, max_cpu_s=MAX_CPU_S):
        sizes |= {row["sample_id"]: row for row in part}
    (_write_boxes if examples.snapshot.label_type == "boxes" else _write_classes)(examples, folder, sizes)
    return sizes


def _write_classes(examples: Examples, folder: Path, _: Sizes) -> None:
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["sample_id", "file", "side", "label"])
        for one, side, value in zip(examples.ids, examples.sides, examples.values, strict=True):
            table.writerow([one, f"images/{one}.jpg", side, ";".join(classes(value))])


def _write_boxes(examples: Examples, folder: Path, sizes: Sizes) -> None:
    codes = {name: number for number, name in enumerate(examples.snapshot.classes, 1)}
    images: list[dict[str, Any]] = []
    boxes: list[dict[str, Any]] = []
    for number, (one, side, value) in enumerate(zip(examples.ids, examples.sides, examples.values, strict=True), 1):
        size = sizes[one]
        images.append({
            "id": number, "file_name": f"images/{one}.jpg", "sample_id": one, "side": str(side),
            "width": size["file_width"], "height": size["file_height"],
        })  # fmt: skip
        for shape in shapes(value):
            bbox = list(_scaled(shape, size["file_width"] / size["width"]))
            told = {"category_id": codes[shape["class"]], "bbox": bbox, "area": bbox[2] * bbox[3]}
            boxes.append({"id": len(boxes) + 1, "image_id": number, "iscrowd": int(shape.get("crowd", False)), **told})
    categories = [{"id": code, "name": name} for name, code in codes.items()]
    document = {"images": images, "annotations": boxes, "categories": categories}
    (folder / "labels.json").write_text(json.dumps(document), encoding="utf-8")


def _scaled(box: dict[str, Any], factor: float) -> tuple[float, float, float, float]:
    return box["x"] * factor, box["y"] * factor, box["width"] * factor, box["height"] * factor


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as error:
        raise UsageError(f"learn.command: {command[0]} cannot be run ({error.strerror}).") from error
    if done.returncode:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[-SAID:]
        raise WinnowError(f"learn.command: {command[0]} failed with exit code {done.returncode}: {said}")


def _read(path: Path, examples: Examples, sizes: Sizes) -> dict[str, str]:
    """The predictions by sample. Raises UsageError at the first that is none, and where some are missing."""
    values: dict[str, str] = {}
    known = set(examples.ids)
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    sample_id, value = _prediction(line, examples, sizes, number)
                    values[sample_id] = value
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"learn.command wrote no predictions that can be read ({type(error).__name__}).") from error
    missing = known - set(values)
    if missing:
        raise UsageError(f"learn.command predicted {len(values)} of {len(known)} samples; {min(missing)} is missing.")
    return {one: values[one] for one in examples.ids}


def _prediction(line: str, examples: Examples, sizes: Sizes, number: int) -> tuple[str, str]:
    key = "boxes" if examples.snapshot.label_type == "boxes" else "probabilities"
    try:
        row = json.loads(line)
        sample_id, value = row["sample_id"], canonical_prediction({key: row[key]})
        named = [box["class"] for box in shapes(value)] if key == "boxes" else list(value[key])
        strangers = sorted(set(named) - set(examples.snapshot.classes))
        if strangers or sample_id not in sizes:
            raise BadLabel(f"{strangers[0] if strangers else sample_id!r} is not in the snapshot")
    except (ValueError, KeyError, TypeError, BadLabel) as error:
        raise UsageError(f"learn.command: line {number} of its predictions is none ({error}).") from error
    if key == "probabilities":
        value[key] = {name: value[key].get(name, 0.0) for name in examples.snapshot.classes}
        return sample_id, as_text(value)
    size = sizes[sample_id]
    factor = size["width"] / size["file_width"]
    names = ("x", "y", "width", "height")
    boxes = [{**box, **dict(zip(names, _scaled(box, factor), strict=True))} for box in shapes(value)]
    return sample_id, as_text({"boxes": boxes})
