"""Settings of embed."""

from typing import Literal

from pydantic import Field

from tasks.store.settings import StrictModel

THUMBNAIL = "thumbnail"


class EmbedSettings(StrictModel):
    """Which model makes the vectors, and what it runs on."""

    model: str = Field(
        default="auto",
        description="A timm name; `descriptor-1` for colour and gradients without weights; or `auto`: the checkpoint "
        "if one is given, else timm's default if its weights are cached or can be had within ten seconds, else "
        "descriptor-1.",
    )
    checkpoint: str | None = Field(
        default=None,
        description="Weights: a file (safetensors first; .pth is read without code), or a timm name.",
    )
    pixels: Literal["auto", "thumbnail", "original"] = Field(
        default="auto",
        description="What the model is shown: the thumbnail, which is at hand; or the original, read and decoded once "
        "more, for large backbones and small crops. `auto`: as the root has it; in a new one the thumbnail.",
    )
    runtime: Literal["torch", "openvino"] = Field(
        default="torch",
        description="`torch` uses a GPU where there is one, else bf16 where the processor has it; `openvino` needs the "
        "extra of that name.",
    )
    batch: int = Field(default=64, ge=1, description="Images a forward pass.")

    def asked(self) -> list[str | None]:
        """What decides which weights it has."""
        return [self.model, self.checkpoint]

    @property
    def names_weights(self) -> bool:
        """Whether the weights are named, so that others than those of the root may be meant."""
        return self.asked() != ["auto", None]
