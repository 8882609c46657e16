"""Networks of ours look at samples, batch by batch."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.image.accelerator import best_device, in_half
from tasks.labels.values import as_text
from tasks.learn.models.file import ModelConfig, read_tensors
from tasks.learn.models.networks import Network, classifier, detector
from tasks.learn.models.pictures import AT_ONCE, pictures_of, square_of
from tasks.learn.models.shares import as_values, logits_of, shares_of
from tasks.store.errors import UsageError
from tasks.store.root import Root

BATCH = 32

Squares = NDArray[np.uint8]


def look_at(root: Root, config: ModelConfig, network: Network, samples: Sequence[str]) -> tuple[list[str], list[str]]:
    """Ids of the samples that are there, in their order, and what the network of a model predicts of each, calibrated.

    Raises:
        WinnowError: it sees originals, and a store fails that these are in.
    """
    values: list[str] = []
    ids: list[str] = []
    for some, squares, rows in _squares(root, network, config, samples):
        if config.kind == "detector":
            found = detections(network.module, squares)
            values += [as_text(_in_pixels(one, row, config)) for one, row in zip(found, rows, strict=True)]
        else:
            logits = seen_logits(network, squares)
            values += as_values(config.classes, shares_of(logits, config.label_type, config.temperature))
        ids += some
    return ids, values


def restored(root: Root, config: ModelConfig) -> Network:
    """The network of a model with its weights. Raises UsageError if these are of another architecture."""
    import torch

    build = detector if config.kind == "detector" else classifier
    network = build(str(config.architecture), config.side, len(config.classes))
    state = {name: torch.from_numpy(tensor) for name, tensor in read_tensors(root, config.version).items()}
    try:
        network.module.load_state_dict(state)
    except RuntimeError as error:
        raise UsageError(
            f"The weights of model {config.version} are not of {config.architecture} with {len(config.classes)} "
            "classes, as its model.json says: restore both from a backup."
        ) from error
    network.module.to(best_device()).eval()
    return network


def seen_logits(network: Network, squares: Squares, module: Any = None) -> NDArray[np.float32]:
    """Logits (n, k) of squares (n, side, side, 3); of another network of the same kind, if `module` is given."""
    import torch

    device = best_device()
    module = network.module if module is None else module
    with torch.inference_mode(), in_half(device):
        logits: NDArray[np.float32] = module(normalised(squares, network, device)).float().cpu().numpy()
    return logits


def normalised(squares: Squares, network: Network, device: str) -> Any:
    """(n, 3, side, side) as the network expects it."""
    import torch

    pixels = torch.from_numpy(np.ascontiguousarray(squares)).to(device).permute(0, 3, 1, 2)
    mean, std = (torch.tensor(part, device=device).view(1, 3, 1, 1) * 255 for part in (network.mean, network.std))
    return (pixels.float() - mean) / std


def detections(module: Any, squares: Squares) -> list[dict[str, NDArray[Any]]]:
    """Boxes (m, 4) as left, top, right, bottom in pixels of the square, labels (m,) and scores (m,) of each square."""
    import torch

    with torch.inference_mode():
        pixels = torch.from_numpy(np.ascontiguousarray(squares)).to(best_device()).permute(0, 3, 1, 2).float() / 255
        return [{name: part.cpu().numpy() for name, part in one.items()} for one in module(list(pixels))]


def as_boxes(
    found: dict[str, NDArray[Any]],
    scale: float,
    size: tuple[int, int],
    classes: Sequence[str],
    temperature: float = 1.0,
) -> dict[str, Any]:
    """What was found in a square as a value: boxes in pixels of a picture of that width and height, inside it."""
    width, height = size
    corners = np.clip(found["boxes"] / scale, 0, [width, height, width, height]).round(2)
    scores = shares_of(logits_of(found["scores"], "multilabel"), "multilabel", temperature)
    boxes = [
        {
            "class": classes[int(label)], "score": float(f"{score:.6g}"),
            "x": float(left), "y": float(top), "width": round(right - left, 2), "height": round(bottom - top, 2),
        }
        for (left, top, right, bottom), label, score in zip(corners.tolist(), found["labels"], scores, strict=True)
        if right - left >= 1 and bottom - top >= 1
    ]  # fmt: skip
    return {"boxes": boxes}


def _in_pixels(found: dict[str, NDArray[Any]], row: dict[str, Any], config: ModelConfig) -> dict[str, Any]:
    size = (row["width"], row["height"])
    scale = int(config.side or 0) / max(size)
    return as_boxes(found, scale, size, config.classes, config.temperature)


def _squares(
    root: Root, network: Network, config: ModelConfig, samples: Sequence[str]
) -> Iterator[tuple[list[str], Squares, list[dict[str, Any]]]]:
    """Some ids at a time, their squares, and rows with their widths and heights."""
    whole = config.kind == "detector"
    side = network.side if whole else network.around
    for start in range(0, len(samples), AT_ONCE):
        pictures = pictures_of(root, samples[start : start + AT_ONCE], config.pixels, side, whole=whole)
        for first in range(0, len(pictures), BATCH):
            some = pictures[first : first + BATCH]
            squares = np.stack([square_of(pixels, side, whole=whole) for _, pixels, _ in some])
            rows = [row for row, _, _ in some]
            yield [row["sample_id"] for row in rows], squares if whole else network.middle(squares), rows
