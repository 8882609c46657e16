"""`tags`: only samples with, or without, certain tags."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.select.pool import Pool
from tasks.store.settings import StrictModel


class Tags(StrictModel):
    """Keeps samples that have at least one of `any` (if given) and none of `none`."""

    any: list[str] = Field(default=[], description="Tags of which one is enough.")
    none: list[str] = Field(default=[], description="Tags that exclude a sample.")

    def keep(self, pool: Pool) -> NDArray[np.bool_]:
        """Which samples stay."""
        wanted, unwanted = set(self.any), set(self.none)
        tags = [set(row or ()) for row in pool.columns["tags"].to_pylist()]
        return np.array([(not wanted or bool(wanted & row)) and not unwanted & row for row in tags], bool)
