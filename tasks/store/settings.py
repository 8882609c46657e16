"""What every settings model is: strict and frozen. A misspelt key is an error, not a default."""

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """Base of all settings: unknown keys are refused, values never change after they were read."""

    model_config = ConfigDict(extra="forbid", frozen=True)
