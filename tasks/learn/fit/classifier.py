"""Fine-tune a backbone to tell classes apart, starting from the probe on its own features.

Linear probing first keeps the features from being torn apart by a random layer: Kumar et al., "Fine-Tuning can Distort
Pretrained Features and Underperform Out-of-Distribution", 2022.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.image.accelerator import best_device, in_half
from tasks.labels.probe import temperature_of
from tasks.learn.fit.augment import Shown, changes, loaded
from tasks.learn.fit.draws import Draw, draws_of
from tasks.learn.fit.examples import Examples
from tasks.learn.fit.fitted import Trained, plain
from tasks.learn.fit.pixels import copy_pictures
from tasks.learn.fit.probe import fit_line
from tasks.learn.fit.settings import FitSettings
from tasks.learn.fit.start import start_of
from tasks.learn.fit.train import Course, train
from tasks.learn.models.look import seen_logits
from tasks.learn.models.networks import Network, classifier, keep_statistics
from tasks.learn.models.shares import as_values, shares_of
from tasks.learn.settings import LearnSettings
from tasks.store.root import Root

AT_ONCE = 64

HEAD = "2."
"""Where the linear layer stands in the network."""


def fit_classifier(examples: Examples, *, root: Root, version: str, settings: LearnSettings) -> Trained:
    """Fine-tune on the train side; the validation side says which epoch is best, the probe before the first among them.

    Raises:
        UsageError: there is no backbone to start from, its weights are of another architecture, or pictures are gone.
    """
    import torch

    torch.manual_seed(settings.fit.seed)
    start = start_of(root, settings.fit)
    kinds = len(examples.snapshot.classes)
    network = classifier(start.architecture, settings.fit.side, kinds, start.weights)
    network.module.to(best_device(), memory_format=torch.channels_last)
    pictures = copy_pictures(
        root, examples.snapshot.name, examples.ids, network.around, whole=False, source=settings.fit.pixels
    )
    with pictures.folder:
        seen = _Seen(network, pictures.open(), examples)
        if start.weights is not None:
            _start_from_probe(seen, balanced=settings.rebalance != "none")
        course = _course(seen, pictures.path, settings, keeps=start.weights is not None)
        best, curves = train(root, version, course, settings.fit)
        network.module.load_state_dict(best)
        logits = seen.logits(np.arange(len(examples.ids)), network.module)
    values = as_values(examples.snapshot.classes, shares_of(logits, examples.snapshot.label_type))
    about = {
        "architecture": start.architecture, "side": network.side, "mean": list(network.mean), "std": list(network.std),
        "pixels": settings.fit.pixels,
    }  # fmt: skip
    notes = [_best_words(curves), *pictures.notes]
    return Trained(
        plain(best), about, dict(zip(examples.ids, values, strict=True)), len(examples.rows("train")), curves, notes
    )


@dataclass(frozen=True)
class _Seen:
    """A network and the pictures that it looks at."""

    network: Network
    squares: NDArray[np.uint8]
    examples: Examples

    def logits(self, rows: NDArray[np.int64], module: Any) -> NDArray[np.float32]:
        """What a module says of some examples, one batch after the other."""
        module.eval()
        parts = [
            seen_logits(self.network, self.network.middle(self.squares[rows[at : at + AT_ONCE]]), module)
            for at in range(0, len(rows), AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, self.examples.there.shape[1]), np.float32)


def _start_from_probe(seen: _Seen, *, balanced: bool) -> None:
    """The linear layer becomes the probe on the features of the train side."""
    import torch

    rows = seen.examples.rows("train")
    features = np.zeros((len(seen.examples.ids), seen.network.module[2].in_features), np.float32)
    features[rows] = seen.logits(rows, seen.network.module[:2])
    line = fit_line(features, seen.examples, rows, balanced=balanced)
    with torch.no_grad():
        seen.network.module[2].weight.copy_(torch.from_numpy(line.weights))
        seen.network.module[2].bias.copy_(torch.from_numpy(np.maximum(line.bias, -20)))


def _course(seen: _Seen, path: Any, settings: LearnSettings, *, keeps: bool) -> Course:
    examples, network = seen.examples, seen.network
    rows = examples.rows("train")
    single = examples.snapshot.label_type == "class"
    shown = Shown(path, *changes(settings.fit, network), examples.there)

    def judge(module: Any) -> dict[str, float]:
        held = examples.rows("validation")
        held = held if len(held) else rows
        return _figures(seen.logits(held, module), examples.there[held], single=single)

    def draws(epoch: int) -> list[Draw]:
        return draws_of(rows, examples.there, settings.rebalance, settings.fit.seed, epoch)

    return Course(
        network.module,
        (HEAD,) if keeps else ("",),
        keep_statistics if keeps else lambda module: module.train(),
        draws,
        partial(loaded, shown, settings=settings.fit),
        _loss(settings.fit, examples.there.shape[1], single=single),
        judge,
    )


def _loss(settings: FitSettings, kinds: int, *, single: bool) -> Callable[[Any, Any], Any]:
    """Cross entropy, of mixed pictures where mixup or cutmix is on; of several classes one against the rest each."""
    from timm.data import Mixup
    from torch.nn import functional

    smoothing = settings.smoothing if single else 0.0
    mix = None
    if settings.mixup or settings.cutmix:
        mix = Mixup(
            settings.mixup, settings.cutmix, label_smoothing=smoothing, num_classes=kinds, multi_label=not single
        )

    def loss(module: Any, batch: Any) -> Any:
        pixels, there = batch
        if mix is not None:
            pixels, there = _even(pixels), _even(there)
            pixels, there = mix(pixels, there.argmax(dim=1) if single else there)
        elif smoothing:
            there = there * (1 - smoothing) + smoothing / kinds
        with in_half(pixels.device.type):
            logits = module(pixels).float()
        if single:
            return functional.cross_entropy(logits, there)
        return functional.binary_cross_entropy_with_logits(logits, there)

    return loss


def _even(batch: Any) -> Any:
    """A batch that is mixed in pairs: an odd one with its first row once more."""
    import torch

    return torch.cat([batch, batch[:1]]) if len(batch) % 2 else batch


def _figures(logits: NDArray[np.float32], there: NDArray[np.float32], *, single: bool) -> dict[str, float]:
    """Loss, of single classes at the temperature that suits it, since that is set afterwards; and accuracy."""
    from scipy.special import log_softmax

    wide = logits.astype(np.float64)
    if not single:
        loss = float(np.mean(np.logaddexp(0, wide) - there * wide))
        return {"loss": loss, "accuracy": float(((wide > 0) == (there > 0)).mean())}
    codes = there.argmax(axis=1)
    scaled = wide / temperature_of(wide, codes)
    loss = float(-log_softmax(scaled, axis=1)[np.arange(len(codes)), codes].mean())
    return {"loss": loss, "accuracy": float((wide.argmax(axis=1) == codes).mean())}


def _best_words(curves: list[dict[str, float]]) -> str:
    best = min(range(len(curves)), key=lambda epoch: curves[epoch]["validation_loss"])
    if best == 0:
        return "No epoch was better than what it started from, on the validation side."
    return f"Epoch {best} of {len(curves) - 1} was the best on the validation side."
