"""Settings of review."""

from typing import Annotated

from pydantic import Field

from tasks.store.settings import StrictModel

Share = Annotated[float, Field(ge=0, le=1)]


class ReviewSettings(StrictModel):
    """When several annotators are one voice, which labels are doubted, and how many are labelled twice."""

    quorum: int = Field(default=2, ge=2, description="Annotators who have to say the same before it is the label.")
    min_confidence: float = Field(
        default=0.6,
        gt=0.5,
        le=1,
        description="Probability from which an answer is the consensus, each annotator weighed by quality.",
    )
    min_labels: int = Field(
        default=50, ge=2, description="Labels from which wrong ones are looked for: fewer teach a probe nothing."
    )
    blind_share: Share = Field(
        default=0.03, description="Share of accepted labels that are labelled a second time, unseen, 0 to 1."
    )
    suspects: int = Field(default=500, ge=1, description="Doubted labels a review puts into the queue, worst first.")
    missing_score: Share = Field(
        default=0.8, description="A model's shape without a label is taken for a missing one from this score, 0 to 1."
    )
    track_gap_s: float = Field(
        default=2.0, ge=0, description="Labelled frames of a video that are farther apart may differ, in seconds."
    )
    min_side: float = Field(default=3.0, ge=0, description="Shapes with a shorter side are too small, in pixels.")
