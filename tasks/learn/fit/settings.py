"""Settings of training."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.store.settings import StrictModel

Share = Annotated[float, Field(ge=0, le=1)]

Source = Literal["thumbnail", "original"]
"""What a model is shown of a sample."""


class FitSettings(StrictModel):
    """What is trained, and how."""

    method: Literal["auto", "probe", "finetune"] = Field(
        default="auto",
        description="`probe`: a linear layer on the stored vectors, in seconds; `finetune`: the whole backbone, or a "
        "detector for boxes; `auto`: the probe for classes, the detector for boxes.",
    )
    seed: int = Field(default=0, ge=0, description="The same seed and snapshot, the same model.")
    architecture: str | None = Field(
        default=None, description="Backbone to train further, a timm name; without it, the one that made the vectors."
    )
    pretrained: bool = Field(
        default=True,
        description="Start from weights: those of the root's model, else timm's; `false` starts from random ones.",
    )
    side: int | None = Field(
        default=None,
        ge=32,
        description="Pixels of the square that the network sees; without it, what its weights were made for.",
    )
    pixels: Source = Field(
        default="thumbnail",
        description="What the network is trained on and looks at: thumbnails, which is quick; or originals, for a "
        "`side` above theirs and for small objects, of which a copy that small is made once a snapshot.",
    )
    epochs: int = Field(default=12, ge=1, description="Times that all of the train side is seen, at most.")
    patience: int = Field(default=3, ge=1, description="Epochs without a better validation side, then it stops.")
    batch: int = Field(default=32, ge=2, multiple_of=2, description="Pictures a step.")
    learning_rate: float | None = Field(
        default=None, gt=0, description="Highest one, of AdamW; without it 0.0001, and 0.001 from random weights."
    )
    head_factor: float = Field(default=10.0, gt=0, description="Times that rate for layers that no weights came for.")
    warmup: float = Field(default=0.1, ge=0, lt=1, description="Share of all steps in which the rate rises.")
    weight_decay: float = Field(default=0.05, ge=0, description="Of AdamW.")
    average: float = Field(
        default=0.995, ge=0, lt=1, description="Decay, a step, of the moving average of the weights that is kept."
    )
    augment: Literal["none", "light", "strong"] = Field(
        default="light",
        description="Changes to the pictures that are trained on: `light` crops, mirrors and changes colours a little, "
        "`strong` has RandAugment too.",
    )
    mixup: float = Field(default=0.0, ge=0, description="Alpha of mixup; 0 is off. Of classes only.")
    cutmix: float = Field(default=0.0, ge=0, description="Alpha of cutmix; 0 is off. Of classes only.")
    smoothing: float = Field(default=0.05, ge=0, lt=1, description="Label smoothing, of single classes.")
    workers: int | None = Field(
        default=None,
        ge=0,
        description="Processes that prepare pictures; without it, one a processor beside a GPU, else none. They change "
        "no figure.",
    )
