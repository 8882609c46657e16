"""How pictures are changed before a network is trained on them, each time by chance of its own."""

import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.image.accelerator import best_device
from tasks.learn.fit.draws import Draw
from tasks.learn.fit.settings import FitSettings
from tasks.learn.models.networks import Network

Change = Callable[[Any], Any]

ROTATION = 10
"""Degrees, each way, that synthetic copies are turned."""


@dataclass
class Shown:
    """Squares as a network is trained on them: what a draw gives depends on that draw alone.

    Attributes:
        path: of the squares.
        change: picture of Pillow to tensor.
        alter: the same for synthetic copies.
        there: (n, k) which classes a square has.
    """

    path: Path
    change: Change
    alter: Change
    there: NDArray[np.float32]
    squares: NDArray[np.uint8] | None = field(default=None, repr=False)

    def __getitem__(self, draw: Draw) -> tuple[Any, Any]:
        """(3, side, side) float32 as the network expects it, and (k,) float32."""
        import torch
        from PIL import Image

        if self.squares is None:
            self.squares = np.load(self.path, mmap_mode="r", allow_pickle=False)
        seed_processor(draw.seed)
        picture = Image.fromarray(self.squares[draw.row])
        change = self.alter if draw.altered else self.change
        return change(picture), torch.from_numpy(self.there[draw.row])

    def __getstate__(self) -> dict[str, Any]:
        """What another process gets: it opens the squares itself."""
        return {**self.__dict__, "squares": None}


def changes(settings: FitSettings, network: Network) -> tuple[Change, Change]:
    """How pictures, and synthetic copies, are changed and made what the network expects; timm's ways."""
    from timm.data import create_transform
    from torchvision import transforms

    same: dict[str, Any] = {"input_size": (3, network.side, network.side), "mean": network.mean, "std": network.std}
    strong = create_transform(**same, is_training=True, scale=(0.25, 1.0), auto_augment="rand-m7-mstd0.5")
    alter = transforms.Compose([transforms.RandomRotation(ROTATION), strong])
    if settings.augment == "none":
        return create_transform(**same, crop_pct=network.crop), alter
    if settings.augment == "strong":
        return strong, alter
    return create_transform(**same, is_training=True, scale=(0.5, 1.0), color_jitter=0.2), alter


def loaded(
    shown: Any, batches: Sequence[list[Draw]], settings: FitSettings, collate: Callable[[Any], Any] | None = None
) -> Iterator[Any]:
    """The batches on the device, in order; beside a GPU other processes prepare them ahead."""
    from torch.utils.data import DataLoader

    device = best_device()
    workers = settings.workers
    if workers is None:
        workers = (os.cpu_count() or 1) if device == "cuda" else 0
    loader = DataLoader(
        shown,
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=collate,
        pin_memory=device == "cuda",
        multiprocessing_context="forkserver" if workers else None,
    )
    for batch in loader:
        yield _moved(batch, device)


def seed_all(seed: int) -> None:
    """All chance from here on, whatever draws it."""
    import torch

    torch.manual_seed(seed)
    seed_processor(seed)


def seed_processor(seed: int) -> None:
    """The same but for accelerators, which have no part in changing pictures, and take longer to be seeded."""
    import torch

    torch.default_generator.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


def _moved(part: Any, device: str) -> Any:
    import torch

    if isinstance(part, torch.Tensor):
        shape: Any = {"memory_format": torch.channels_last} if part.ndim == 4 else {}
        return part.to(device, non_blocking=True, **shape)
    if isinstance(part, dict):
        return {name: _moved(one, device) for name, one in part.items()}
    return [_moved(one, device) for one in part] if isinstance(part, list | tuple) else part
