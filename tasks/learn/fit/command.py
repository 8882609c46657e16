"""A trainer of the user's own: a program that reads an exported snapshot and writes what its model predicts.

The folder of the snapshot holds `images/<sample_id>.jpg` and `labels.csv` (sample_id, file, side, label), or for boxes
`labels.json` in COCO's form with `side` and `sample_id` on each image. What the program writes is told in
tasks/learn/models/program.py.
"""

import csv
import json
import tempfile
from pathlib import Path
from typing import Any

from tasks.labels.values import as_text, classes, shapes
from tasks.learn.fit.examples import Examples
from tasks.learn.fit.fitted import Trained
from tasks.learn.fit.settings import Source
from tasks.learn.models.folder import keep_folder
from tasks.learn.models.program import (
    Asked,
    Program,
    Sizes,
    predictor,
    read_predictions,
    run,
    scaled,
    trainer,
    write_pictures,
)
from tasks.learn.settings import LearnSettings
from tasks.store.errors import UsageError
from tasks.store.root import Root


def fit_by_command(examples: Examples, *, root: Root, version: str, settings: LearnSettings) -> Trained:
    """Run the program of `learn.command` on the snapshot; what it predicts is what its model is known by.

    What it left in the folder {model} is kept in the root.

    Raises:
        UsageError: the command, or that which asks the model, is none, or what it wrote is no predictions of this
            snapshot.
        WinnowError: it failed.
    """
    program = trainer(str(settings.command))
    asks = predictor(settings.predict_command) if settings.predict_command else None
    with tempfile.TemporaryDirectory(prefix="winnow-") as place:
        folder, model, wanted = (Path(place, name) for name in ("snapshot", "model", "predictions.jsonl"))
        model.mkdir()
        sizes = _write(root, examples, folder, settings.fit.pixels)
        run(program, snapshot=folder, model=model, predictions=wanted)
        asked = Asked(examples.snapshot.label_type, examples.snapshot.classes, sizes)
        values = {one: as_text(value) for one, value in read_predictions(program, wanted, asked).items()}
        files = keep_folder(root, version, model)
    trained = len(examples.rows("train"))
    return Trained(
        {}, {"files": files, "pixels": settings.fit.pixels}, values, trained, notes=_notes(version, asks, files)
    )


def _notes(version: str, asks: Program | None, files: list[str]) -> list[str]:
    if asks is None:
        return [
            f"{version} is a model of your own, and says nothing of the pool until learn.predict_command names the "
            "program that asks it, or `winnow predictions import` brings in what it says."
        ]
    if "model" in asks.places and not files:
        return [f"{version} left nothing in {{model}}, so learn.predict_command cannot ask it about the pool."]
    return []


def _write(root: Root, examples: Examples, folder: Path, source: Source) -> Sizes:
    """Write the snapshot; width and height of every image, and of the original."""
    sizes = write_pictures(root, examples.ids, folder / "images", source)
    if len(sizes) < len(examples.ids):
        raise UsageError(
            f"{len(examples.ids) - len(sizes)} pictures of snapshot {examples.snapshot.name} are gone from this "
            "root: make a new snapshot."
        )
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
            bbox = list(scaled(shape, size["file_width"] / size["width"]).values())
            told = {"category_id": codes[shape["class"]], "bbox": bbox, "area": bbox[2] * bbox[3]}
            boxes.append({"id": len(boxes) + 1, "image_id": number, "iscrowd": int(shape.get("crowd", False)), **told})
    categories = [{"id": code, "name": name} for name, code in codes.items()]
    document = {"images": images, "annotations": boxes, "categories": categories}
    (folder / "labels.json").write_text(json.dumps(document), encoding="utf-8")
