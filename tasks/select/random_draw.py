"""`random`: a seeded draw, the yardstick of every other strategy."""

from blake3 import blake3
from pydantic import Field

from tasks.progress import advance
from tasks.select.pool import Pick, Pool
from tasks.store.settings import StrictModel


class Random(StrictModel):
    """Samples in the order of a seeded hash of their ids: a sample keeps its place when others come."""

    seed: int = Field(default=0, description="Another seed, another draw.")

    def pick(self, pool: Pool, budget: int) -> list[Pick]:
        """Up to `budget` picks. The gain is the share of the pool that one sample is."""
        ids = pool.ids
        order = sorted(range(len(ids)), key=lambda row: blake3(f"{self.seed}:{ids[row]}".encode()).digest())[:budget]
        advance("select", len(order))
        return [Pick(row, 1 / len(ids), f"drawn at random (seed {self.seed})") for row in order]
