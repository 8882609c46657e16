"""Train a plain detector on boxes: a timm backbone with a feature pyramid."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.image.accelerator import best_device
from tasks.labels.values import as_text, shapes
from tasks.learn.fit.augment import loaded, seed_processor
from tasks.learn.fit.draws import Draw, batches_of, draws_of
from tasks.learn.fit.examples import Examples
from tasks.learn.fit.fitted import Trained, plain
from tasks.learn.fit.pixels import Pictures, copy_pictures
from tasks.learn.fit.start import start_of
from tasks.learn.fit.train import Course, train
from tasks.learn.models.look import BATCH, as_boxes, detections
from tasks.learn.models.networks import detector, keep_statistics
from tasks.learn.settings import LearnSettings
from tasks.progress import advance
from tasks.store import tables
from tasks.store.root import Root

THINNEST = 0.01
"""Pixels of the square: thinner boxes are left out, since float32 rounds their sides to one, mirrored if not before."""


def fit_detector(examples: Examples, *, root: Root, version: str, settings: LearnSettings) -> Trained:
    """Train on the train side; the loss on the validation side says which epoch is best.

    Raises:
        UsageError: there is no backbone to start from, its weights are of another architecture, or pictures are gone.
    """
    import torch

    torch.manual_seed(settings.fit.seed)
    start = start_of(root, settings.fit)
    network = detector(start.architecture, settings.fit.side, len(examples.snapshot.classes), start.weights)
    network.module.to(best_device())
    pictures = copy_pictures(
        root, examples.snapshot.name, examples.ids, network.side, whole=True, source=settings.fit.pixels
    )
    with pictures.folder:
        course = _course(network.module, pictures, examples, settings, keeps=start.weights is not None)
        best, curves = train(root, version, course, settings.fit)
        network.module.load_state_dict(best)
        network.module.eval()
        values = _predicted(root, network.module, pictures, examples)
    about = {
        "architecture": start.architecture, "side": network.side, "mean": list(network.mean), "std": list(network.std),
        "pixels": settings.fit.pixels,
    }  # fmt: skip
    return Trained(plain(best), about, values, len(examples.rows("train")), curves, pictures.notes)


@dataclass
class _Shown:
    """Squares with their boxes as the detector is trained on them.

    Attributes:
        path: of the squares.
        boxes: of each, (m, 4) float32: left, top, right, bottom in pixels of the square.
        labels: of each, (m,) int64.
        changing: whether pictures are mirrored and made lighter or darker by chance, as synthetic copies always are.
    """

    path: Path
    boxes: list[NDArray[np.float32]]
    labels: list[NDArray[np.int64]]
    changing: bool
    squares: NDArray[np.uint8] | None = field(default=None, repr=False)

    def __getitem__(self, draw: Draw) -> tuple[Any, dict[str, Any]]:
        """(3, side, side) float32 from 0 to 1, and its boxes and labels."""
        import torch

        if self.squares is None:
            self.squares = np.load(self.path, mmap_mode="r", allow_pickle=False)
        seed_processor(draw.seed)
        square, boxes = self.squares[draw.row], self.boxes[draw.row].copy()
        pixels = square.astype(np.float32) / 255
        chance = np.random.default_rng(draw.seed)
        if draw.altered:
            pixels, boxes = _farther_off(pixels, boxes, chance)
        if self.changing or draw.altered:
            if chance.random() < 0.5:
                side = square.shape[1]
                pixels = pixels[:, ::-1]
                boxes[:, [0, 2]] = side - boxes[:, [2, 0]]
            pixels = np.clip(pixels * chance.uniform(0.8, 1.2) + chance.uniform(-0.1, 0.1), 0, 1)
        tensor = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32))
        return tensor, {"boxes": torch.from_numpy(boxes), "labels": torch.from_numpy(self.labels[draw.row])}

    def __getstate__(self) -> dict[str, Any]:
        """What another process gets: it opens the squares itself."""
        return {**self.__dict__, "squares": None}


def _farther_off(
    pixels: NDArray[np.float32], boxes: NDArray[np.float32], chance: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The square made smaller, somewhere on grey, and its boxes: as Liu et al., "SSD", 2016, zoom out."""
    side = len(pixels)
    small = max(1, round(side * chance.uniform(0.5, 0.95)))
    left, top = chance.integers(0, side - small + 1, 2)
    shown = np.full_like(pixels, 0.5)
    shown[top : top + small, left : left + small] = cv2.resize(pixels, (small, small), interpolation=cv2.INTER_AREA)
    moved = boxes * (small / side) + np.array([left, top, left, top])
    return shown, moved.astype(np.float32)


def _course(module: Any, pictures: Pictures, examples: Examples, settings: LearnSettings, *, keeps: bool) -> Course:
    import torch

    rows = examples.rows("train")
    held = examples.rows("validation")
    held = held if len(held) else rows
    boxes, labels = _targets(examples, pictures.scales)
    shown = _Shown(pictures.path, boxes, labels, settings.fit.augment != "none")
    plainly = _Shown(pictures.path, boxes, labels, changing=False)

    def judge(judged: Any) -> dict[str, float]:
        keep_statistics(judged)  # losses are to be had of a network in training only
        batches = list(batches_of([Draw(int(row), 0) for row in held], settings.fit.batch))
        with torch.no_grad():
            losses = [float(_loss(judged, batch)) for batch in loaded(plainly, batches, settings.fit, list)]
        judged.eval()
        return {"loss": float(np.mean(losses))}

    def draws(epoch: int) -> list[Draw]:
        return draws_of(rows, examples.there, settings.rebalance, settings.fit.seed, epoch)

    return Course(
        module,
        ("head.", "backbone.pyramid.") if keeps else ("",),
        keep_statistics if keeps else lambda trained: trained.train(),
        draws,
        partial(loaded, shown, settings=settings.fit, collate=list),
        _loss,
        judge,
    )


def _loss(module: Any, batch: Any) -> Any:
    """The sum of what FCOS minds: class, box and how central a point is."""
    pixels, targets = zip(*batch, strict=True)
    return sum(module(list(pixels), list(targets)).values())


def _targets(
    examples: Examples, scales: NDArray[np.float64]
) -> tuple[list[NDArray[np.float32]], list[NDArray[np.int64]]]:
    """Boxes and labels of each example, in pixels of its square; without crowds, and without what is too thin."""
    code = {name: number for number, name in enumerate(examples.snapshot.classes)}
    boxes, labels = [], []
    for value, scale in zip(examples.values, scales, strict=True):
        some = [box for box in shapes(value) if not box.get("crowd")]
        corners = [[box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]] for box in some]
        placed = np.array(corners, np.float32).reshape(-1, 4) * np.float32(scale)
        seen = ((placed[:, 2:] - placed[:, :2]) >= THINNEST).all(axis=1)
        boxes.append(placed[seen])
        labels.append(np.array([code[box["class"]] for box in some], np.int64)[seen])
    return boxes, labels


def _predicted(root: Root, module: Any, pictures: Pictures, examples: Examples) -> dict[str, str]:
    squares = pictures.open()
    values: dict[str, str] = {}
    for start in range(0, len(examples.ids), BATCH):
        ids = examples.ids[start : start + BATCH]
        sizes = tables.lookup(tables.open_table(root, "samples"), "sample_id", ids, ["width", "height"]).to_pylist()
        found = detections(module, squares[start : start + BATCH])
        for place, (one, size) in enumerate(zip(found, sizes, strict=True)):
            scale = float(pictures.scales[start + place])
            value = as_boxes(one, scale, (size["width"], size["height"]), examples.snapshot.classes)
            values[ids[place]] = as_text(value)
        advance("predict", len(ids))
    return values
