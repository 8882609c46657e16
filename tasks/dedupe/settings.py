"""Settings of dedupe."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.store.settings import StrictModel

Bits = Annotated[int, Field(ge=-1, le=127)]


class PerceptualSettings(StrictModel):
    """Duplicates that look the same: resized, re-encoded, recoloured, turned, mirrored."""

    max_distance: Literal["auto"] | Bits = Field(
        default="auto",
        description="Bits of 256 in which the hashes of duplicates may differ; -1 finds none. `auto` is set once a "
        "root from its first batch of 1,000 samples, so that unrelated pictures hardly ever come as close.",
    )
    max_turned_distance: Literal["auto"] | Bits = Field(
        default="auto",
        description="The same for the hash that no rotation changes: finds copies turned by any angle.",
    )


class DedupeSettings(StrictModel):
    """What counts as a duplicate."""

    perceptual: PerceptualSettings = Field(default_factory=PerceptualSettings)
