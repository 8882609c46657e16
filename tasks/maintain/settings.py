"""Settings of maintain."""

from pydantic import Field

from tasks.store.settings import StrictModel


class MaintainSettings(StrictModel):
    """What maintenance leaves alone."""

    keep_versions_days: float = Field(
        default=7.0,
        ge=0,
        description="Older versions of a table stay for so many days: whoever reads one that long is not disturbed.",
    )
    keep_staging_days: float = Field(
        default=7.0,
        ge=0,
        description="Staged files, media and manifests that nothing needs stay for so many days: a run may be about to "
        "use them.",
    )
    index_from_rows: int = Field(
        default=10_000, ge=1, description="Tables from so many rows up get an index on their key, for reads."
    )
