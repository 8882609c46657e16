"""The training loop, of whatever network: an epoch depends on seed and number alone, so that a training can go on."""

import copy
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.learn.fit.augment import seed_all
from tasks.learn.fit.checkpoint import (
    below,
    optimizer_tensors,
    read_checkpoint,
    restore_optimizer,
    save_checkpoint,
)
from tasks.learn.fit.draws import Draw, batches_of
from tasks.learn.fit.settings import FitSettings
from tasks.progress import advance
from tasks.store.root import Root

FROM_WEIGHTS = 1e-4
FROM_NOTHING = 1e-3


@dataclass(frozen=True)
class Course:
    """What is trained, and by what.

    Attributes:
        module: the network.
        fresh: parts of it, by the start of their names, that no weights came for; all if it began with none.
        start: puts the network to training.
        draws: what an epoch sees.
        load: the batches of that, on the device, in order.
        loss: of the network on a batch.
        judge: figures of a network on the validation side; `loss` is the one that the best epoch has least of.
    """

    module: Any
    fresh: tuple[str, ...]
    start: Callable[[Any], None]
    draws: Callable[[int], list[Draw]]
    load: Callable[[list[list[Draw]]], Iterator[Any]]
    loss: Callable[[Any, Any], Any]
    judge: Callable[[Any], dict[str, float]]


@dataclass
class _State:
    """Where a training is: the epoch that it finished, figures of each, and the weights of the best one."""

    epoch: int
    curves: list[dict[str, float]]
    best: dict[str, Any]
    best_epoch: int


def train(
    root: Root, version: str, course: Course, settings: FitSettings
) -> tuple[dict[str, Any], list[dict[str, float]]]:
    """Train until the validation side gets no better; the weights of the best epoch, and figures of each.

    AdamW, with a learning rate that rises and then falls as a cosine; of the weights a moving average is judged and
    kept. The state before the first epoch takes part, so that training never makes a network worse on that side. After
    each epoch a checkpoint is written: a training that was killed goes on after it, to the same weights.
    """
    from timm.utils import ModelEmaV3

    with _repeatable():
        optimizer = _optimizer(course, settings)
        schedule = _schedule(optimizer, course, settings)
        average = ModelEmaV3(course.module, decay=settings.average, use_warmup=True)
        state = _resumed(root, version, course, optimizer, average)
        advance("fit", state.epoch, settings.epochs)
        while state.epoch < settings.epochs and state.epoch - state.best_epoch < settings.patience:
            _one_epoch(course, settings, optimizer, schedule, average, state)
            tensors = {
                **_named("module.", course.module.state_dict()),
                **_named("average.", average.module.state_dict()),
                **_named("best.", state.best),
                **_named("optimizer.", optimizer_tensors(optimizer)),
            }
            told = {"epoch": state.epoch, "curves": state.curves, "best_epoch": state.best_epoch}
            save_checkpoint(root, version, tensors, told)
            advance("fit", 1)
    return state.best, state.curves


def _one_epoch(
    course: Course, settings: FitSettings, optimizer: Any, schedule: Any, average: Any, state: _State
) -> None:
    epoch, total = state.epoch + 1, 0.0
    course.start(course.module)
    batches = list(batches_of(course.draws(epoch), settings.batch))
    steps = len(batches)
    for place, batch in enumerate(course.load(batches)):
        step = (epoch - 1) * steps + place
        schedule.step_update(step)
        seed_all(int(np.random.SeedSequence([settings.seed, epoch, place]).generate_state(1)[0]))
        loss = course.loss(course.module, batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        _clip(course.module)
        optimizer.step()
        average.update(course.module, step=step + 1)
        total += float(loss.detach())
    judged = course.judge(average.module)
    figures = {"train_loss": total / steps, "learning_rate": optimizer.param_groups[0]["lr"]}
    state.epoch = epoch
    state.curves.append({**figures, **_named("validation_", judged)})
    if judged["loss"] < state.curves[state.best_epoch]["validation_loss"]:
        state.best, state.best_epoch = _copied(average.module.state_dict()), epoch


def _resumed(root: Root, version: str, course: Course, optimizer: Any, average: Any) -> _State:
    found = read_checkpoint(root, version)
    if found is None:
        judged = course.judge(average.module)
        return _State(0, [_named("validation_", judged)], _copied(course.module.state_dict()), 0)
    tensors, told = found
    course.module.load_state_dict(below(tensors, "module."))
    average.module.load_state_dict(below(tensors, "average."))
    restore_optimizer(optimizer, below(tensors, "optimizer."))
    return _State(told["epoch"], told["curves"], below(tensors, "best."), told["best_epoch"])


def _optimizer(course: Course, settings: FitSettings) -> Any:
    """AdamW; what came with weights learns slower, and neither biases nor norms decay."""
    import torch

    scratch = course.fresh == ("",)
    rate = settings.learning_rate or (FROM_NOTHING if scratch else FROM_WEIGHTS)
    groups: dict[tuple[bool, bool], list[Any]] = {}
    for name, weights in course.module.named_parameters():
        if weights.requires_grad:
            groups.setdefault((name.startswith(course.fresh), weights.ndim > 1), []).append(weights)
    return torch.optim.AdamW(
        [
            {
                "params": weights,
                "lr": rate * (settings.head_factor if fresh and not scratch else 1.0),
                "weight_decay": settings.weight_decay if decays else 0.0,
            }
            for (fresh, decays), weights in sorted(groups.items(), key=lambda one: one[0])
        ]
    )


def _schedule(optimizer: Any, course: Course, settings: FitSettings) -> Any:
    """A learning rate that rises in a line and falls as a cosine."""
    from timm.scheduler import CosineLRScheduler

    steps = sum(1 for _ in batches_of(course.draws(1), settings.batch))
    rising = round(steps * settings.epochs * settings.warmup)
    falling = max(1, steps * settings.epochs - rising)
    return CosineLRScheduler(optimizer, falling, warmup_t=rising, warmup_prefix=True, t_in_epochs=False)


def _clip(module: Any) -> None:
    import torch

    torch.nn.utils.clip_grad_norm_(module.parameters(), 10.0)


@contextmanager
def _repeatable() -> Iterator[None]:
    """The same arithmetic each time, and the chance of others left as it was."""
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled(), random.getstate(), np.random.get_state()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        random.setstate(before[1])
        np.random.set_state(before[2])


def _named(prefix: str, parts: dict[str, Any]) -> dict[str, Any]:
    return {f"{prefix}{name}": part for name, part in parts.items()}


def _copied(state: dict[str, Any]) -> dict[str, Any]:
    return {name: tensor.detach().clone() for name, tensor in copy.copy(state).items()}
