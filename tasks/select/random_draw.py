"""`random`: a seeded draw, the yardstick of every other strategy."""

import numpy as np
from blake3 import blake3
from pydantic import Field

from tasks.select.greedy import Term, Values
from tasks.select.objectives import Fixed
from tasks.select.pool import Pool
from tasks.select.strength import Strength
from tasks.store.settings import StrictModel


class Random(StrictModel):
    """Samples in the order of a seeded hash of their ids: a sample keeps its place when others come.

    Times other objectives, it draws each sample with a probability in proportion to them: Efraimidis and Spirakis,
    "Weighted random sampling with a reservoir", 2006.
    """

    strength: Strength = 1.0
    seed: int = Field(default=0, description="Another seed, another draw.")

    def terms(self, pool: Pool) -> list[Term]:
        """The chance of each candidate."""
        words = f"drawn at random (seed {self.seed})"
        return [Term(Fixed("random", 1 / -np.log(chance_of(pool.ids, self.seed)), words), self.strength)]


def chance_of(ids: list[str], seed: int) -> Values:
    """(n,) numbers above 0 and below 1, by a hash of seed and id."""
    digests = b"".join(blake3(f"{seed}:{name}".encode()).digest(8) for name in ids)
    return 1 - (np.frombuffer(digests, ">u8").astype(np.float64) / 2**64 * (1 - 2**-52) + 2**-53)
