"""Settings of dedupe."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.store.settings import StrictModel

Bits = Annotated[int, Field(ge=-1, le=127)]
Similarity = Annotated[float, Field(ge=-1, le=2)]


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


class SemanticSettings(StrictModel):
    """Duplicates that only their embeddings show: cut out, edited in several ways, seen again."""

    min_similarity: Literal["auto"] | Similarity = Field(
        default="auto",
        description="Cosine, of embeddings less their mean, from which samples are compared; 2 finds none. `auto` is "
        "set once a root from its first batch of 1,000 samples: low where thumbnails are verified, high where not.",
    )


class DedupeSettings(StrictModel):
    """What counts as a duplicate."""

    perceptual: PerceptualSettings = Field(default_factory=PerceptualSettings)
    semantic: SemanticSettings = Field(default_factory=SemanticSettings)
    verify: bool = Field(
        default=True,
        description="Look at both thumbnails before samples count as duplicates: what embeddings propose has to agree "
        "in its local features, and in pictures of one sequence or sensor nothing may have come, left or moved.",
    )
