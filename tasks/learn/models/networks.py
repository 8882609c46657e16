"""Networks on a timm backbone: a classifier, and a plain detector; built the same to train and to predict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.image.accelerator import in_half
from tasks.image.weights import Weights, fill
from tasks.store.errors import UsageError

PYRAMID = 128
"""Channels of the feature pyramid of a detector."""

STRIDES = (8, 16, 32)
"""Levels of the backbone that a detector looks at: pixels a cell."""

MOST_BOXES = 100
LEAST_SCORE = 0.05

SETTING = "learn.fit.architecture"


@dataclass(frozen=True)
class Network:
    """A network and what it expects to see.

    Attributes:
        module: of torch.
        side: pixels of the square that it sees.
        crop: share of the short side that the square covers.
        mean: of each channel, 0 to 1.
        std: standard deviation of each channel.
    """

    module: Any
    side: int
    crop: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def around(self) -> int:
        """Side of the square whose middle the network sees: crops to train on reach beyond that middle."""
        return max(self.side, round(self.side / self.crop))

    def middle(self, squares: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What the network sees of squares (n, around, around, 3)."""
        margin = (squares.shape[1] - self.side) // 2
        return squares[:, margin : margin + self.side, margin : margin + self.side]


def classifier(architecture: str, side: int | None, classes: int, weights: Weights | None = None) -> Network:
    """A backbone, its features scaled to unit length, and a linear layer on them, as the probe is one.

    Raises:
        UsageError: timm has no such backbone, or the weights are of another one.
    """
    from torch import nn

    backbone = _backbone(architecture, side, weights, num_classes=0)
    module = nn.Sequential(backbone, _unit_length(), nn.Linear(_width(backbone, side), classes))
    return _described(module, backbone, side)


def detector(architecture: str, side: int | None, classes: int, weights: Weights | None = None) -> Network:
    """FCOS on a feature pyramid of the backbone: one point a cell, so that there are no anchors to choose.

    Tian et al., "FCOS: Fully Convolutional One-Stage Object Detection", 2019.

    Raises:
        UsageError: timm has no such backbone, it gives no features at several scales, or the weights are of another.
    """
    from torchvision.models.detection import FCOS
    from torchvision.models.detection.anchor_utils import AnchorGenerator

    features = _features(architecture, weights)
    seen = _described(None, features, side)
    sizes = tuple((8 * 2**level,) for level in range(len(STRIDES) + 2))
    module = FCOS(
        _pyramid(features),
        classes,
        min_size=seen.side,
        max_size=seen.side,
        image_mean=list(seen.mean),
        image_std=list(seen.std),
        anchor_generator=AnchorGenerator(sizes, ((1.0,),) * len(sizes)),
        score_thresh=LEAST_SCORE,
        detections_per_img=MOST_BOXES,
    )
    return Network(module, seen.side, 1.0, seen.mean, seen.std)


def keep_statistics(module: Any) -> None:
    """To training, but batch normalisation goes on with the statistics that came with its weights."""
    from torch.nn.modules.batchnorm import _BatchNorm

    module.train()
    for part in module.modules():
        if isinstance(part, _BatchNorm):
            part.eval()


def _backbone(architecture: str, side: int | None, weights: Weights | None, **options: Any) -> Any:
    import timm

    if not timm.is_model(architecture):
        raise UsageError(f"{SETTING}: timm knows no model {architecture!r}.")
    model = timm.create_model(architecture, pretrained=False, **options)
    if side is not None and side != int(timm.data.resolve_model_data_config(model)["input_size"][-1]):
        model = _of_side(architecture, side, options)
    if weights is not None:
        fill(model, weights, SETTING)
    return model


def _of_side(architecture: str, side: int, options: dict[str, Any]) -> Any:
    """Convolutions take any side; transformers have to be told."""
    import timm

    try:
        return timm.create_model(architecture, pretrained=False, img_size=side, **options)
    except TypeError:
        return timm.create_model(architecture, pretrained=False, **options)


def _width(backbone: Any, side: int | None) -> int:
    """Features a picture: some backbones have a last layer that their `num_features` leaves out."""
    import torch

    backbone.eval()
    shape = backbone.pretrained_cfg.get("input_size") or (3, 224, 224)
    with torch.inference_mode():
        return int(backbone(torch.zeros(1, 3, side or shape[-2], side or shape[-1])).shape[1])


def _described(module: Any, backbone: Any, side: int | None) -> Network:
    import timm

    config = timm.data.resolve_model_data_config(backbone)
    own = int(config["input_size"][-1])
    return Network(
        module,
        side or own,
        float(config["crop_pct"]),
        tuple(map(float, config["mean"])),
        tuple(map(float, config["std"])),
    )


def _unit_length() -> Any:
    from torch import nn

    class UnitLength(nn.Module):
        def forward(self, features: Any) -> Any:
            return nn.functional.normalize(features.float(), dim=1)

    return UnitLength()


def _features(architecture: str, weights: Weights | None) -> Any:
    """The backbone as a list of feature maps, one for each of STRIDES."""
    import timm

    whole = _backbone(architecture, None, weights, num_classes=0)
    try:
        every = timm.create_model(architecture, pretrained=False, features_only=True)
        levels = _levels(every.feature_info.reduction())
        features = timm.create_model(architecture, pretrained=False, features_only=True, out_indices=levels)
    except (RuntimeError, AttributeError, ValueError) as error:
        raise UsageError(
            f"{SETTING}: {architecture} gives no features at the scales {', '.join(map(str, STRIDES))} that a detector "
            "looks at; name a convolutional one, as resnet18."
        ) from error
    features.pretrained_cfg = whole.pretrained_cfg
    missing, _ = features.load_state_dict(whole.state_dict(), strict=False)
    if missing and weights is not None:
        raise UsageError(f"{SETTING}: the weights of {architecture} do not fit its features ({missing[0]}).")
    return features


def _levels(reductions: Sequence[int]) -> tuple[int, ...]:
    """Raises ValueError if a stride is missing."""
    return tuple(list(reductions).index(stride) for stride in STRIDES)


def _pyramid(features: Any) -> Any:
    from torch import nn
    from torchvision.ops import FeaturePyramidNetwork
    from torchvision.ops.feature_pyramid_network import LastLevelP6P7

    class Pyramid(nn.Module):
        """Feature maps by level, in full precision whatever the backbone computes in."""

        out_channels = PYRAMID

        def __init__(self) -> None:
            super().__init__()
            self.body = features
            channels = features.feature_info.channels()
            self.pyramid = FeaturePyramidNetwork(channels, PYRAMID, LastLevelP6P7(PYRAMID, PYRAMID))

        def forward(self, pixels: Any) -> Any:
            with in_half(pixels.device.type):
                maps = self.body(pixels)
            return self.pyramid({str(level): one.float() for level, one in enumerate(maps)})

    return Pyramid()
