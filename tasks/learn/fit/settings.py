"""Settings of training."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.store.settings import StrictModel

Share = Annotated[float, Field(ge=0, le=1)]


class FitSettings(StrictModel):
    """What is trained, and how."""

    method: Literal["auto", "probe", "finetune"] = Field(
        default="auto",
        description="`probe`: a linear layer on the stored vectors, in seconds; `finetune`: the whole backbone, or a "
        "detector for boxes; `auto`: the probe for classes, the detector for boxes.",
    )
    seed: int = Field(default=0, description="The same seed and snapshot, the same model.")
