"""The share of groups that is set aside for testing: settled once a root, so that select and snapshots draw alike."""

from tasks.store import choices
from tasks.store.root import Root

CHOICE = "learn.test_share"
"""Name of the recorded share. Lowered, it would take groups back that were tested on; it is changed only by hand."""


def share_set_aside(root: Root, asked: float) -> float:
    """The share that this root sets aside: the recorded one, else what is asked for; 0 where that is 0."""
    return float(choices.recall(root, CHOICE) or asked) if asked > 0 else 0.0


def settle_share(root: Root, asked: float) -> float:
    """The same, and from now on it is recorded."""
    return float(choices.settle(root, CHOICE, lambda: asked)) if asked > 0 else 0.0
