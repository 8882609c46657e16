"""How much a strategy counts against others."""

from typing import Annotated

from pydantic import Field

Strength = Annotated[
    float,
    Field(
        ge=-1e9,
        le=1e9,
        description="Exponent of what the strategy gives each sample, when several are multiplied; negative inverts.",
    ),
]
