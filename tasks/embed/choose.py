"""Choose the model of a root, once, and record it; another setting gets a table of its own."""

import re
from dataclasses import asdict, dataclass
from typing import Any

from blake3 import blake3

from tasks.embed import backbone, descriptor
from tasks.embed.settings import THUMBNAIL, EmbedSettings
from tasks.image.weights import Weights, find_weights
from tasks.store import choices
from tasks.store.errors import UsageError
from tasks.store.root import Root, open_root
from tasks.unit import unit

NO_WEIGHTS = (
    f"No weights at hand: the vectors are {descriptor.NAME}, colour and gradients without a network. "
    "For better ones: --checkpoint FILE (any timm backbone), or let this machine reach timm's hub once."
)


@dataclass(frozen=True)
class Model:
    """The model of a root, as it is recorded.

    Attributes:
        name: unique for architecture, weights and pixels, as in the column `model`.
        table: `embeddings_` and the name.
        dimensions: length of a vector.
        architecture: timm's name; None for the descriptor.
        checkpoint: file of the weights; None for the descriptor.
        asked: the settings that led to its weights.
        hint: what to tell the user; empty if there is nothing to tell.
        pixels: what it is shown, thumbnail or original.
    """

    name: str
    table: str
    dimensions: int
    architecture: str | None
    checkpoint: str | None
    asked: list[str | None]
    hint: str
    pixels: str = THUMBNAIL


@unit("choose model", retries=0)
def choose_model(root: str, settings: EmbedSettings) -> Model:
    """The model that the settings ask for; what they do not name is as the root has it.

    Raises:
        UsageError: the settings name weights that are not there or do not fit.
    """
    opened = open_root(root)
    recorded = recorded_model(opened)
    if recorded and is_asked_for(recorded, settings):
        return recorded
    chosen = _chosen(settings, recorded)
    if recorded:
        why = f"the settings ask for {settings.model}, {settings.checkpoint}, {settings.pixels}"
        choices.revise(opened, choices.EMBEDDING, asdict(chosen), why)
        return chosen
    return Model(**choices.settle(opened, choices.EMBEDDING, lambda: asdict(chosen)))


def is_asked_for(model: Model, settings: EmbedSettings) -> bool:
    """Whether the settings name no other model."""
    same_weights = not settings.names_weights or settings.asked() == model.asked
    return same_weights and settings.pixels in ("auto", model.pixels)


def recorded_model(root: Root) -> Model | None:
    """The model of the root; None before its first batch was embedded."""
    recorded: dict[str, Any] | None = choices.recall(root, choices.EMBEDDING)
    return Model(**recorded) if recorded else None


def weights_of(model: Model) -> Weights:
    """The weights of a model that has any. Raises UsageError if the file is gone or is another one now."""
    if model.architecture is None or model.checkpoint is None:
        raise UsageError(f"{model.name} has no weights.")
    if _name(model.architecture, model.checkpoint, model.pixels) != model.name:
        raise UsageError(f"embed.checkpoint: {model.checkpoint} is no longer the file that {model.name} was made with.")
    return Weights(model.architecture, model.checkpoint)


def _chosen(settings: EmbedSettings, before: Model | None) -> Model:
    pixels = (before.pixels if before else THUMBNAIL) if settings.pixels == "auto" else settings.pixels
    if before and not settings.names_weights:
        weights = weights_of(before) if before.architecture else None
        return _made(weights, pixels, before.asked, settings.runtime)
    weights = None if settings.model == descriptor.NAME else find_weights(settings.model, settings.checkpoint)
    return _made(weights, pixels, settings.asked(), settings.runtime)


def _made(weights: Weights | None, pixels: str, asked: list[str | None], runtime: str) -> Model:
    if weights is None:
        name = _seen_from(descriptor.NAME, pixels)
        hint = NO_WEIGHTS if asked[0] == "auto" else ""
        return Model(name, _table(name), descriptor.DIMENSIONS, None, None, asked, hint, pixels)
    name = _name(weights.architecture, weights.file, pixels)
    dimensions = backbone.load(weights, runtime).dimensions
    return Model(name, _table(name), dimensions, weights.architecture, weights.file, asked, "", pixels)


def _name(architecture: str, file: str, pixels: str) -> str:
    try:
        digest = blake3(max_threads=blake3.AUTO).update_mmap(file).hexdigest()
    except OSError as error:
        raise UsageError(f"embed.checkpoint: {file} cannot be read ({error.strerror}).") from error
    return _seen_from(f"{architecture}-{digest[:8]}", pixels)


def _seen_from(name: str, pixels: str) -> str:
    """The name of a model that is shown such pixels: originals make other vectors than thumbnails do."""
    return name if pixels == THUMBNAIL else f"{name}-{pixels}"


def _table(name: str) -> str:
    return "embeddings_" + re.sub(r"\W", "_", name)
