"""Load a timm backbone with real weights, once a process, and run it."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.embed.openvino_runtime import through_openvino
from tasks.image.accelerator import best_device, processor_has_bf16
from tasks.image.weights import Weights, fill

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
    fill(model, weights, "embed.checkpoint")
    model.eval()
    config = timm.data.resolve_model_data_config(model)
    if runtime == "openvino":
        forward = through_openvino(model, config, processor_has_bf16())
    else:
        forward = _through_torch(model, config)
    side = int(config["input_size"][-1])
    dimensions = forward(np.zeros((1, side, side, 3), np.uint8)).shape[1]
    return Backbone(side, float(config["crop_pct"]), dimensions, forward)


def _through_torch(model: Any, config: dict[str, Any]) -> Callable[[Images], Vectors]:
    """On the GPU with channels_last and bf16, else on the processor with bf16 where it has it."""
    import torch

    device = best_device()
    half = torch.cuda.is_bf16_supported() if device == "cuda" else processor_has_bf16()
    model = model.to(device, memory_format=torch.channels_last)
    mean, deviation = (torch.tensor(config[name], device=device).view(1, 3, 1, 1) * 255 for name in ("mean", "std"))

    def forward(images: Images) -> Vectors:
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=half):
            pixels = torch.from_numpy(images).to(device, non_blocking=True).permute(0, 3, 1, 2)
            vectors: Vectors = model((pixels.float() - mean) / deviation).float().cpu().numpy()
            return vectors

    return forward
