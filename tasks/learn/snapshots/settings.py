"""Settings of snapshots and their sides."""

from typing import Annotated

from pydantic import Field

from tasks.store.settings import StrictModel

Share = Annotated[float, Field(ge=0, lt=1)]


class SplitSettings(StrictModel):
    """Which side a labelled sample is on. A sample never changes sides."""

    validation_share: Share = Field(
        default=0.2, description="Share of what is not for testing that settings are chosen by, 0 to 1."
    )
    group_by: str | None = Field(
        default=None,
        description="Column of samples, or key of their metadata, of which no value is on two sides, as sensor_id: "
        "besides recordings and duplicates, which never are.",
    )
    test_where: str | None = Field(
        default=None,
        description="SQL condition over the columns of samples that names the test side, for a dataset that brings its "
        "own: source_uri LIKE '%/test/%'. Set it before the first snapshot: what has a side keeps it. Without it, what "
        "was set aside on arrival.",
    )
    validation_where: str | None = Field(default=None, description="The same for the validation side.")
