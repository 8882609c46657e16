"""Settings of evaluation."""

from pydantic import Field

from tasks.store.settings import StrictModel


class EvaluateSettings(StrictModel):
    """How sure figures have to be, and by what samples are told apart."""

    resamples: int = Field(default=1000, ge=100, description="Bootstrap draws behind an interval.")
    confidence: float = Field(default=0.95, gt=0.5, lt=1, description="Of intervals and of tests.")
    slices: list[str] = Field(
        default=[],
        description="Columns of samples, or keys of their metadata, by whose values results are told apart, besides "
        "sensor_id, quality and what looks alike.",
    )
    min_slice: int = Field(default=8, ge=2, description="Samples of a slice below which nothing is said of it.")
    sure: float = Field(
        default=0.9,
        gt=0.5,
        le=1,
        description="Calibrated probability from which a model that contradicts a label makes a finding, 0 to 1.",
    )
