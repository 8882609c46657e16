"""What a fine-tuning starts from: the backbone of the root, another one with timm's weights, or random ones."""

from dataclasses import dataclass

from tasks.image.weights import Weights, find_weights
from tasks.learn.fit.settings import FitSettings
from tasks.learn.models.vectors import recorded_backbone
from tasks.store.errors import UsageError
from tasks.store.root import Root


@dataclass(frozen=True)
class Start:
    """An architecture of timm, and its weights if it has any."""

    architecture: str
    weights: Weights | None


def start_of(root: Root, settings: FitSettings) -> Start:
    """What the settings ask for.

    Raises:
        UsageError: the root has a descriptor in place of a backbone, or weights cannot be had.
    """
    recorded = recorded_backbone(root)
    own, file = recorded["architecture"], recorded["checkpoint"]
    architecture = settings.architecture or own
    if architecture is None:
        raise UsageError(
            f"The vectors of this root are {recorded['name']}, made without a network, so there is none to train "
            "further: curate with --checkpoint FILE, or name one in learn.fit.architecture."
        )
    if not settings.pretrained:
        return Start(architecture, None)
    if architecture == own and file:
        return Start(architecture, find_weights(architecture, file))
    return Start(architecture, find_weights(architecture, None))
