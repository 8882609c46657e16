"""Load a timm backbone with real weights, or say plainly why there are none. Never random weights, never a pickle."""

import functools
import json
import os
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.store.errors import UsageError

DEFAULT_MODEL = "vit_small_patch16_224.dino"
"""What `auto` takes when its weights can be had: self-supervised, 384 dimensions, Apache-2.0."""

HUB_SECONDS = 10
"""How long `auto` waits for a hub before it does without."""

ENOUGH_COSINE = 0.999
"""OpenVINO computes in half precision where its vectors are at least so near to those of full precision."""

Images = NDArray[np.uint8]
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Weights:
    """Which backbone with which weights: an architecture of timm and a file."""

    architecture: str
    file: str


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


def find_weights(model: str, checkpoint: str | None) -> Weights | None:
    """The weights that the settings name; None if `auto` has to do without.

    Raises:
        UsageError: a model that timm does not know, a checkpoint that is not there or of unknown architecture, weights
            that cannot be had.
    """
    if checkpoint and not Path(checkpoint).exists() and _known(checkpoint):
        model, checkpoint = checkpoint, None
    if checkpoint:
        if not Path(checkpoint).is_file():
            raise UsageError(f"embed.checkpoint: there is no file {checkpoint}, and timm knows no model of that name.")
        return Weights(_architecture(checkpoint) if model == "auto" else _checked(model), os.path.abspath(checkpoint))
    if model == "auto":
        file = _from_hub(DEFAULT_MODEL, HUB_SECONDS)
        return Weights(DEFAULT_MODEL, file) if file else None
    file = _from_hub(_checked(model), None)
    if file is None:
        raise UsageError(
            f"embed.model: the weights of {model} are neither cached nor to be had; name a file in embed.checkpoint."
        )
    return Weights(model, file)


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
    forward = _openvino(model, config) if runtime == "openvino" else _torch(model, config)
    side = int(config["input_size"][-1])
    dimensions = forward(np.zeros((1, side, side, 3), np.uint8)).shape[1]
    return Backbone(side, float(config["crop_pct"]), dimensions, forward)


def _known(model: str) -> bool:
    import timm

    return bool(timm.is_model(model))


def _checked(model: str) -> str:
    if not _known(model):
        raise UsageError(
            f"embed.model: timm knows no model {model!r}; `python -c 'import timm; print(timm.list_models())'`."
        )
    return model


def _architecture(checkpoint: str) -> str:
    """What the file says of itself, a JSON beside it says of it, or its name begins with."""
    import timm

    stated = [*_metadata(checkpoint), *_beside(checkpoint)]
    stem = Path(checkpoint).stem
    named = sorted((name for name in timm.list_models() if stem.startswith(name)), key=len, reverse=True)
    for candidate in [*stated, *named[:1]]:
        if timm.is_model(candidate):
            return str(candidate)
    raise UsageError(f"embed.checkpoint: {checkpoint} does not tell its architecture; name it in embed.model.")


def _metadata(checkpoint: str) -> list[str]:
    if not checkpoint.endswith(".safetensors"):
        return []
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(checkpoint, framework="numpy") as file:
            return _stated(file.metadata() or {})
    except SafetensorError as error:
        raise UsageError(f"embed.checkpoint: {checkpoint} is no safetensors file ({error}).") from error


def _beside(checkpoint: str) -> list[str]:
    try:
        stated = json.loads(Path(checkpoint).with_suffix(".json").read_text())
    except (OSError, ValueError):
        return []
    return _stated(stated) if isinstance(stated, dict) else []


def _stated(facts: dict[str, Any]) -> list[str]:
    return [str(facts[key]) for key in ("timm_model", "architecture", "model_name") if key in facts]


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


def _torch(model: Any, config: dict[str, Any]) -> Callable[[Images], Vectors]:
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


def _openvino(model: Any, config: dict[str, Any]) -> Callable[[Images], Vectors]:
    """On the processor through OpenVINO: in bf16 where it has it and the vectors stay the same, else in fp32."""
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
    if not _processor_has_bf16():
        return full
    half = compiled("bf16")
    probe = _probe(side)
    return half if _least_cosine(half(probe), full(probe)) >= ENOUGH_COSINE else full


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


def _from_hub(model: str, seconds: int | None) -> str | None:
    """The weights of a timm model, from the cache, else from its hub, in a process that can be ended."""
    from huggingface_hub import constants, try_to_load_from_cache

    source = _hub_id(model)
    if source is None:
        return None
    for name in ("model.safetensors", "pytorch_model.bin"):
        cached = try_to_load_from_cache(source, name)
        if isinstance(cached, str):
            return cached
    if constants.HF_HUB_OFFLINE or not _answers(constants.ENDPOINT):
        return None
    code = "import sys, huggingface_hub as hub; print(hub.hf_hub_download(sys.argv[1], 'model.safetensors'))"
    patience = {"HF_HUB_ETAG_TIMEOUT": "10", "HF_HUB_DOWNLOAD_TIMEOUT": "30"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, source],
            capture_output=True,
            check=True,
            text=True,
            timeout=seconds,
            env={**os.environ, **patience},
        )
    except (subprocess.SubprocessError, OSError):
        return None
    return done.stdout.strip().splitlines()[-1]


def _answers(endpoint: str) -> bool:
    """Whether the hub takes a connection within two seconds; behind a proxy only the download itself can tell."""
    if urllib.request.getproxies():
        return True
    host = urllib.parse.urlsplit(endpoint)
    try:
        socket.create_connection((host.hostname, host.port or 443), timeout=2).close()
    except OSError:
        return False
    return True


def _hub_id(model: str) -> str | None:
    if "." in model:
        return f"timm/{model}"
    import timm

    config = timm.get_pretrained_cfg(model)
    return config.hf_hub_id if config else None


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0][:200]
