"""Settings of the hand-off."""

from typing import Literal

from pydantic import Field

from tasks.store.settings import StrictModel


class HandoffSettings(StrictModel):
    """What annotators get."""

    pixels: Literal["original", "thumbnail"] = Field(
        default="original",
        description="`original`: full size, read again from the source if its bytes are still the same; "
        "`thumbnail`: small.",
    )
    quality: int = Field(default=95, ge=1, le=100, description="JPEG quality of the images.")
    max_cpu_s: int = Field(default=60, ge=1, description="Processor seconds that decoding one original may take.")
