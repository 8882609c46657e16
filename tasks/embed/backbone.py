"""Load a timm backbone with real weights, once a process, and run it."""

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.embed.openvino_runtime import through_openvino
from tasks.embed.weights import Weights
from tasks.store.errors import UsageError

Images = NDArray[np.uint8]
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Backbone:
    """A loaded backbone.

    Attributes:
        side: pixels; it sees the central square of this side.
        crop: share of the short side that the square covers.
        dimensions: length of a vector.
        forward: (n, side, side, 3) uint8 RGB to (n, dimensions) float32.
    """

    side: int
    crop: float
    dimensions: int
    forward: Callable[[Images], Vectors]


@functools.lru_cache(maxsize=2)
def load(weights: Weights, runtime: str) -> Backbone:
    """Load once a process.

    Raises:
        UsageError: the weights do not fit the architecture, or the runtime is not installed.
    """
    import timm

    model = timm.create_model(weights.architecture, pretrained=False, num_classes=0)
    _fill(model, weights)
    model.eval()
    config = timm.data.resolve_model_data_config(model)
    if runtime == "openvino":
        forward = through_openvino(model, config, _processor_has_bf16())
    else:
        forward = _through_torch(model, config)
    side = int(config["input_size"][-1])
    dimensions = forward(np.zeros((1, side, side, 3), np.uint8)).shape[1]
    return Backbone(side, float(config["crop_pct"]), dimensions, forward)


def _fill(model: Any, weights: Weights) -> None:
    """Every weight of the backbone comes from the file; what the file has besides may only be a classifier."""
    import timm

    try:
        state = timm.models.load_state_dict(weights.file, device="cpu", weights_only=True)
    except Exception as error:  # torch, safetensors and zipfile each raise their own
        raise UsageError(
            f"embed.checkpoint: {weights.file} cannot be read as weights ({_first_line(error)})."
        ) from error
    adapt = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    try:
        state = adapt(state, model) if adapt else state
        missing, unexpected = model.load_state_dict(state, strict=False)
    except Exception as error:  # shapes differ, or the adapter finds nothing it knows
        missing, unexpected = [_first_line(error)], []
    heads = model.pretrained_cfg.get("classifier") or "classifier"
    heads = (heads,) if isinstance(heads, str) else tuple(heads)
    surplus = [name for name in unexpected if not name.startswith((*heads, "head", "fc", "classifier"))]
    if missing or surplus:
        raise UsageError(
            f"embed.checkpoint: {weights.file} does not hold the weights of {weights.architecture} "
            f"({len(missing)} missing, {len(surplus)} foreign, first: {[*missing, *surplus][0]})."
        )


def _through_torch(model: Any, config: dict[str, Any]) -> Callable[[Images], Vectors]:
    """On the GPU with channels_last and bf16, else on the processor with bf16 where it has it."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    half = torch.cuda.is_bf16_supported() if device == "cuda" else _processor_has_bf16()
    model = model.to(device, memory_format=torch.channels_last)
    mean, deviation = (torch.tensor(config[name], device=device).view(1, 3, 1, 1) * 255 for name in ("mean", "std"))

    def forward(images: Images) -> Vectors:
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=half):
            pixels = torch.from_numpy(images).to(device, non_blocking=True).permute(0, 3, 1, 2)
            vectors: Vectors = model((pixels.float() - mean) / deviation).float().cpu().numpy()
            return vectors

    return forward


def _processor_has_bf16() -> bool:
    import torch

    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0][:200]
