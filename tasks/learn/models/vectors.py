"""Stored vectors of samples."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.store import choices, tables
from tasks.store.errors import UsageError
from tasks.store.root import Root


def recorded_backbone(root: Root) -> dict[str, str | None]:
    """The model of the root as it is recorded. Raises UsageError before anything was embedded."""
    found: dict[str, str | None] | None = choices.recall(root, choices.EMBEDDING)
    if found is None:
        raise UsageError("Nothing of this root is embedded yet: `winnow curate` does that.")
    return found


def read_vectors(root: Root, embedding: str, samples: Sequence[str]) -> tuple[list[str], NDArray[np.float32]]:
    """The samples that have a vector, in their order, and (n, d) float32 unit rows.

    Args:
        root: where they are.
        embedding: name of the model that made them.
        samples: ids.

    Raises:
        UsageError: there are no vectors of that model, since another one made those of the root.
    """
    recorded = recorded_backbone(root)
    dataset = tables.open_table(root, str(recorded["table"])) if recorded["name"] == embedding else None
    if dataset is None:
        raise UsageError(
            f"The vectors of this root are of {recorded['name']}, not of {embedding}: train again on them."
        )
    rows = tables.lookup(dataset, "sample_id", samples, ["vector"])
    return rows["sample_id"].to_pylist(), tables.matrix(rows["vector"])
