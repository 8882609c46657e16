"""Find the weights that the settings name (a file, timm's own from its cache or hub, or none) and fill a model."""

import json
import os
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.store.errors import UsageError

DEFAULT_MODEL = "vit_small_patch16_224.dino"
"""What `auto` takes when its weights can be had: self-supervised, 384 dimensions, Apache-2.0."""

HUB_SECONDS = 10
"""How long `auto` waits for a hub before it does without."""


@dataclass(frozen=True)
class Weights:
    """Which backbone with which weights: an architecture of timm and a file."""

    architecture: str
    file: str


def refuse_missing_weights(checkpoint: str | None) -> None:
    """Notice at once, before anything is read, that a file of weights is not there. Raises UsageError."""
    if checkpoint and Path(checkpoint).suffix in (".safetensors", ".pth", ".pt", ".bin"):
        _refuse_no_file(checkpoint)


def find_weights(model: str, checkpoint: str | None) -> Weights | None:
    """The weights that the settings name; None if `auto` has to do without.

    Raises:
        UsageError: a model that timm does not know, a checkpoint that is not there or of unknown architecture, weights
            that cannot be had.
    """
    if checkpoint and not Path(checkpoint).exists() and _known(checkpoint):
        model, checkpoint = checkpoint, None
    if checkpoint:
        _refuse_no_file(checkpoint)
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


def fill(model: Any, weights: Weights, setting: str) -> None:
    """Every weight of the backbone comes from the file; what the file has besides may only be a classifier.

    Args:
        model: a timm backbone without a classifier.
        weights: what to read.
        setting: that named the file, for what is told of it.

    Raises:
        UsageError: the file cannot be read without running code, or holds another architecture.
    """
    import timm

    try:
        state = timm.models.load_state_dict(weights.file, device="cpu", weights_only=True)
    except Exception as error:  # torch, safetensors and zipfile each raise their own
        raise UsageError(f"{setting}: {weights.file} cannot be read as weights ({_first_line(error)}).") from error
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
            f"{setting}: {weights.file} does not hold the weights of {weights.architecture} "
            f"({len(missing)} missing, {len(surplus)} foreign, first: {[*missing, *surplus][0]})."
        )


def _refuse_no_file(checkpoint: str) -> None:
    if not Path(checkpoint).is_file():
        raise UsageError(f"embed.checkpoint: there is no file {checkpoint}, and timm knows no model of that name.")


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
