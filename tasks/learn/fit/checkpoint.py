"""The state of a training after an epoch: one safetensors file, replaced in one step, that a killed training reads."""

import json
import struct
from typing import Any

from tasks.learn.models.file import model_uri
from tasks.store.errors import Unreachable
from tasks.store.root import Root

Tensors = dict[str, Any]

_NAME = "checkpoint.safetensors"


def save_checkpoint(root: Root, version: str, tensors: Tensors, told: dict[str, Any]) -> None:
    """Keep the state; the one of the epoch before is gone then."""
    from safetensors.torch import save

    whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    root.storage.write(model_uri(root, version, _NAME), save(whole, {"winnow": json.dumps(told)}))


def read_checkpoint(root: Root, version: str) -> tuple[Tensors, dict[str, Any]] | None:
    """The state that was kept last; None if there is none that can be read, and training starts anew."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        content = root.storage.read(model_uri(root, version, _NAME))
        tensors = load(content)
        (length,) = struct.unpack("<Q", content[:8])
        told: dict[str, Any] = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["winnow"])
    except (Unreachable, SafetensorError, ValueError, KeyError, struct.error):
        return None
    return tensors, told


def forget_checkpoint(root: Root, version: str) -> None:
    """Remove it, once the model is on file."""
    root.storage.delete(model_uri(root, version, _NAME))


def optimizer_tensors(optimizer: Any) -> Tensors:
    """The state of an optimizer as named tensors."""
    state = optimizer.state_dict()["state"]
    return {f"{place}.{name}": tensor for place, parts in state.items() for name, tensor in parts.items()}


def restore_optimizer(optimizer: Any, tensors: Tensors) -> None:
    """Put back what `optimizer_tensors` gave."""
    state: dict[int, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        place, _, part = name.partition(".")
        state.setdefault(int(place), {})[part] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def below(tensors: Tensors, prefix: str) -> Tensors:
    """Those whose name begins with a prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
