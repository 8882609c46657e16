"""An epoch of fine-tuning, pictures loaded and changed as always, against the bare steps of the same model."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tasks.image.accelerator import best_device, in_half
from tasks.learn.fit.augment import Shown, changes, loaded
from tasks.learn.fit.draws import draws_of
from tasks.learn.fit.settings import FitSettings
from tasks.learn.fit.train import Course, train
from tasks.learn.models.networks import Network, classifier, keep_statistics
from tasks.store.root import open_root
from tests.benchmarks.benchmark import Result, by_turns, seconds_of

ARCHITECTURE = "mobilenetv2_100"
PICTURES = 512
KINDS = 5
SETTINGS = FitSettings(epochs=1, batch=32)


def measured(place: Path) -> Iterator[Result]:
    """One epoch from the copied pictures to updated weights."""
    pixels = np.random.default_rng(0).integers(0, 256, (PICTURES, 256, 256, 3), np.uint8)
    np.save(place / "squares.npy", pixels)
    network = classifier(ARCHITECTURE, None, KINDS)
    network.module.to(best_device(), memory_format=torch.channels_last)
    root = open_root(place / "root", create=True)
    course = _course(network, place / "squares.npy")
    numbers = iter(range(1000))

    def epoch() -> float:
        return seconds_of(lambda: train(root, f"model-{next(numbers)}", course, SETTINGS))

    whole, bare = by_turns(epoch, lambda: _bare_steps(network), rounds=3)
    detail = (
        f"{PICTURES / whole:.1f} img/s of {PICTURES / bare:.1f}; {PICTURES} pictures, batches of {SETTINGS.batch}; "
        "crops, colours, moving average and checkpoint are included, the validation side is empty"
    )
    yield Result(f"fine-tuning / bare steps, {ARCHITECTURE}", bare / whole, 0.85, 0.7, detail)


def _course(network: Network, path: Path) -> Course:
    there = np.eye(KINDS, dtype=np.float32)[np.arange(PICTURES) % KINDS]
    shown = Shown(path, *changes(SETTINGS, network), there)
    return Course(
        network.module,
        ("2.",),
        keep_statistics,
        lambda epoch: draws_of(np.arange(PICTURES), there, "sampling", 0, epoch),
        partial(loaded, shown, settings=SETTINGS),
        _loss,
        lambda _module: {"loss": 1.0},
    )


def _bare_steps(network: Network) -> float:
    """Forward, backward and update on one batch that is on the device already, as often."""
    keep_statistics(network.module)
    optimizer = torch.optim.AdamW(network.module.parameters(), 1e-4)
    device = best_device()
    pixels = torch.randn(SETTINGS.batch, 3, network.side, network.side, device=device)
    there = torch.eye(KINDS, device=device)[[0] * SETTINGS.batch]
    batch = (pixels.contiguous(memory_format=torch.channels_last), there)

    def steps() -> None:
        for _ in range(PICTURES // SETTINGS.batch):
            loss = _loss(network.module, batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            float(loss.detach())

    return seconds_of(steps)


def _loss(module: Any, batch: Any) -> Any:
    pixels, there = batch
    with in_half(pixels.device.type):
        logits = module(pixels).float()
    return torch.nn.functional.cross_entropy(logits, there)
