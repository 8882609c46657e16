"""Settings of the gates: what is expected of a batch before the next stage sees it."""

from typing import Annotated, Any, Literal

from pydantic import Field

from tasks.store.settings import StrictModel

Share = Annotated[float, Field(ge=0, le=1)]
Mode = Literal["auto", "approve", "warn"]

_MODE: Any = Field(
    default="auto",
    description="`auto` holds what fails a critical expectation; `approve` always holds, for a person to release; "
    "`warn` never holds.",
)


class IngestedGate(StrictModel):
    """Between ingest and dedupe. Every object is accounted for, once, besides what these allow."""

    mode: Mode = _MODE
    max_reject_share: Share = Field(default=0.2, description="Share of objects that are rejects.")
    max_deferred_share: Share = Field(default=0.2, description="Share of objects that could not be reached.")
    min_short_side: int = Field(default=32, ge=0, description="Pixels; pictures below are small.")
    max_small_share: Share = Field(default=0.5, description="Share of small pictures.")
    min_brightness: float = Field(default=0.04, ge=0, le=1, description="Mean luma; pictures below are dark.")
    max_brightness: float = Field(default=0.97, ge=0, le=1, description="Mean luma; pictures above are overexposed.")
    max_misexposed_share: Share = Field(default=0.5, description="Share of dark and overexposed pictures.")
    by: str | None = Field(
        default=None,
        description="Judge the shares for each value of this column or metadata key as well (sensor_id, say), so that "
        "one bad camera is named. Batches are cut by it where it is known before the files are read.",
    )
    drift: Literal["hold", "warn", "off"] = Field(
        default="hold",
        description="With `by`: what to do when the median brightness or sharpness of a camera left its usual range.",
    )
    max_drift: float = Field(
        default=6.0, ge=0, description="Width of the usual range, each way, in robust deviations of the earlier days."
    )
    min_drift: float = Field(
        default=0.3, ge=0, description="And at least so much of the usual value, each way: 0.3 is 30 %."
    )
    drift_days: int = Field(default=14, ge=1, description="Earlier days that tell what is usual.")
    min_earlier: int = Field(default=100, ge=1, description="Earlier samples from which on there is something usual.")


class DeduplicatedGate(StrictModel):
    """Between dedupe and embed. Every sample is kept or the duplicate of a kept one."""

    mode: Mode = _MODE
    max_duplicate_share: Share = Field(default=0.95, description="Share of samples that repeat another one.")


class EmbeddedGate(StrictModel):
    """Between embed and compare. Every kept sample has one finite vector of unit length and the model's dimension."""

    mode: Mode = _MODE
    max_mean_cosine: float = Field(
        default=0.98,
        ge=-1,
        le=1,
        description="Mean cosine of two samples; above, the embedding has collapsed.",
    )


class ComparedGate(StrictModel):
    """Between compare and select. Every embedded sample is kept or the semantic duplicate of a kept one."""

    mode: Mode = _MODE
    max_duplicate_share: Share = Field(default=0.8, description="Share of embedded samples that repeat another one.")


class SelectedGate(StrictModel):
    """Between select and hand-off. The budget is kept, and no pick is a duplicate, labelled or picked twice."""

    mode: Mode = _MODE


class AnnotatedGate(StrictModel):
    """Between review and the labels that everybody reads."""

    mode: Mode = _MODE
    max_trouble_share: Share = Field(default=0.05, description="Share of answers that break the ontology.")
    max_deleted_share: Share = Field(
        default=0.2, description="Share of the labels from people that were taken back where they were made."
    )
    min_agreement: float = Field(
        default=0.6, ge=-1, le=1, description="Krippendorff's alpha of the samples that several annotators labelled."
    )
    max_suspect_share: Share = Field(default=0.2, description="Share of labels that the review doubts.")
    min_coverage: Share = Field(
        default=0.0, description="Share of the samples that were handed off that are answered; less only warns."
    )


class SplitGate(StrictModel):
    """Between a snapshot's sides and training. No group, and nothing that looks the same, is on two sides."""

    mode: Mode = _MODE
    min_train_per_class: int = Field(default=2, ge=0, description="Samples of each class to train on; fewer only warn.")
    min_test_per_class: int = Field(default=5, ge=0, description="Samples of each class to test on; fewer only warn.")


class TrainedGate(StrictModel):
    """Between evaluation and promotion. A challenger that is worse than the champion is refused."""

    mode: Mode = _MODE
    max_regress: Share = Field(
        default=0.0, description="By how much the metric of a challenger may be below the champion's, 0 to 1."
    )
    protected: list[str] = Field(
        default=[],
        description="Slices that may not get worse, as sensor_id=cam-3 or class=dress; all classes if none.",
    )
    max_slice_regress: Share = Field(
        default=0.1,
        description="By how much the share of right answers in a protected slice may be below the champion's, 0 to 1; "
        "what is below holds where chance does not explain it.",
    )
    min_test: int = Field(default=50, ge=0, description="Samples to test on; fewer only warn.")
    max_unseen: Share = Field(
        default=0.1, description="Share of samples that a probe cannot see, as they have no vector; more only warns."
    )
    max_calibration_error: Share = Field(
        default=0.15, description="Mean distance between probability and what happens; more only warns."
    )


class GateSettings(StrictModel):
    """The eight gates."""

    min_objects: int = Field(
        default=50,
        ge=1,
        description="A share is judged critically from so many rows up; below, it only warns.",
    )
    ingested: IngestedGate = Field(default_factory=IngestedGate)
    deduplicated: DeduplicatedGate = Field(default_factory=DeduplicatedGate)
    embedded: EmbeddedGate = Field(default_factory=EmbeddedGate)
    compared: ComparedGate = Field(default_factory=ComparedGate)
    selected: SelectedGate = Field(default_factory=SelectedGate)
    annotated: AnnotatedGate = Field(default_factory=AnnotatedGate)
    split: SplitGate = Field(default_factory=SplitGate)
    trained: TrainedGate = Field(default_factory=TrainedGate)
