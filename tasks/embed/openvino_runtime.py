"""Run a backbone through OpenVINO: an extra, several times faster than torch on most processors."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.store.errors import UsageError

ENOUGH_COSINE = 0.999
"""Half precision is used where its vectors are at least so near to those of full precision."""

Images = NDArray[np.uint8]
Vectors = NDArray[np.float32]


def through_openvino(model: Any, config: dict[str, Any], half: bool) -> Callable[[Images], Vectors]:
    """(n, side, side, 3) uint8 RGB to (n, d) float32; in bf16 where the vectors stay the same, else in fp32.

    Args:
        model: a timm backbone in evaluation mode.
        config: its data configuration, as timm resolves it.
        half: whether the processor has bf16.

    Raises:
        UsageError: OpenVINO is not installed.
    """
    import torch

    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # it reports home on every conversion
    try:
        import openvino
    except ImportError as error:
        raise UsageError("embed.runtime: openvino is not installed; `pip install winnow[openvino]`.") from error
    side = int(config["input_size"][-1])
    mean, deviation = (np.array(config[name], np.float32) * 255 for name in ("mean", "std"))
    graph = openvino.convert_model(model, example_input=torch.zeros(1, 3, side, side))

    def compiled(precision: str) -> Callable[[Images], Vectors]:
        network = openvino.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": precision})

        def forward(images: Images) -> Vectors:
            pixels = ((images - mean) / deviation).transpose(0, 3, 1, 2)
            vectors: Vectors = network(np.ascontiguousarray(pixels))[0].astype(np.float32)
            return vectors

        return forward

    full = compiled("f32")
    if not half:
        return full
    shorter, probe = compiled("bf16"), _probe(side)
    return shorter if _least_cosine(shorter(probe), full(probe)) >= ENOUGH_COSINE else full


def _probe(side: int) -> Images:
    """Parts of real photographs, as they come with scikit-image: (24, side, side, 3) uint8 RGB."""
    import cv2
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    parts = []
    for name in ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "retina.jpg", "motorcycle_left.png"):
        picture = cv2.cvtColor(cv2.imread(str(folder / name)), cv2.COLOR_BGR2RGB)
        high, wide = (length // 2 for length in picture.shape[:2])
        corners = [(top, left) for top in (0, high) for left in (0, wide)]
        parts += [cv2.resize(picture[top : top + high, left : left + wide], (side, side)) for top, left in corners]
    return np.stack(parts)


def _least_cosine(left: Vectors, right: Vectors) -> float:
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return float(((left * right).sum(axis=1) / np.maximum(lengths, 1e-12)).min())
