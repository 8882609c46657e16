"""Recalibrate: set the radius of perceptual duplicates anew from all samples that the root has now."""

from tasks.dedupe.calibrate import ENOUGH_SAMPLES
from tasks.dedupe.find import CHOICE, calibrate
from tasks.store import choices, views
from tasks.store.errors import UsageError
from tasks.store.root import Root

MOST_SAMPLES = 20_000


def recalibrate(root: Root, note: str) -> tuple[dict[str, int] | None, dict[str, int]]:
    """The radii before (None if they were never set) and after; what was compared already is not looked at again.

    Raises:
        UsageError: there are too few samples to tell, or the note is empty.
    """
    if not note.strip():
        raise UsageError("Say why, in a word or two: --note is not to be empty.")
    samples = (
        views.connect(root)
        .sql(
            """SELECT phash, ringhash, sequence_id, sensor_id, captured_at FROM samples
            ORDER BY hash(sample_id), sample_id LIMIT ?""",
            params=[MOST_SAMPLES],
        )
        .to_arrow_table()
    )
    if len(samples) < ENOUGH_SAMPLES:
        raise UsageError(f"Only {len(samples)} samples: {ENOUGH_SAMPLES} are needed to calibrate.")
    before: dict[str, int] | None = choices.recall(root, CHOICE)
    after = calibrate(samples)
    choices.revise(root, CHOICE, after, note)
    return before, after
