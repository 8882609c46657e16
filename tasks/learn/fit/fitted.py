"""What a training gives, whatever was trained."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Fitted:
    """A model that is on file.

    Attributes:
        version: its name.
        kind: probe, classifier, detector or command.
        epochs: times that it saw the train side; 0 of a probe.
        seconds: that training took.
        trained: samples that it was trained on.
        notes: what a user should know of it, in words.
    """

    version: str
    kind: str
    epochs: int
    seconds: float
    trained: int
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Trained:
    """A model before it is on file.

    Attributes:
        tensors: its weights.
        about: fields of ModelConfig that only its kind knows.
        values: what it predicts of each sample of the snapshot, by id.
        rows: samples that it was trained on.
        curves: figures of each epoch, from 0, what stood before the first one.
        notes: see Fitted.
    """

    tensors: dict[str, NDArray[Any]]
    about: dict[str, Any]
    values: dict[str, str]
    rows: int
    curves: list[dict[str, float]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        """How many epochs were trained."""
        return max(0, len(self.curves) - 1)


def plain(tensors: dict[str, Any]) -> dict[str, NDArray[Any]]:
    """Tensors of torch as arrays."""
    return {name: np.ascontiguousarray(tensor.detach().cpu().numpy()) for name, tensor in tensors.items()}
