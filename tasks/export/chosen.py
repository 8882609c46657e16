"""Which samples an export holds: those of a selection, or those for which a condition holds."""

import pyarrow as pa
import pyarrow.compute as pc

from tasks.labels.snapshot import Snapshot, refuse_gone
from tasks.store import views
from tasks.store.errors import UsageError
from tasks.store.root import Root


def chosen_samples(
    root: Root,
    selection: str | None,
    where: str | None,
    *,
    labelled: bool = False,
    snapshot: Snapshot | None = None,
) -> pa.Table:
    """The samples, best pick first, then by id: their columns without pixels and hashes, and what became of them.

    Added are `tags` (a list), `kept_id` (what it repeats), `selection`, `rank`, `gain` and `reason` of the newest
    selection that picked it, and of a snapshot the `side`.

    Args:
        root: where the dataset is.
        selection: name of a selection; the newest one if neither it nor `where` is given.
        where: condition over the columns of the view `samples`.
        labelled: take those that have a label.
        snapshot: take its samples.

    Raises:
        UsageError: several are given, the condition is wrong, there is no such selection, samples of the snapshot
            were given up, or nothing is chosen.
    """
    if sum(map(bool, (selection, where, labelled, snapshot))) > 1:
        raise UsageError(
            "Give --selection, --where, --labelled or --snapshot, not both; a condition can name a selection's samples "
            "itself."
        )
    if snapshot:
        return _in_snapshot(root, snapshot)
    if labelled:
        ids = views.connect(root).sql("SELECT DISTINCT sample_id FROM labels SEMI JOIN samples USING (sample_id)")
        ids = ids.to_arrow_table()
    else:
        ids = _matching(root, where) if where else _picked(root, selection)
    if not len(ids):
        raise UsageError("Nothing is to be exported: no sample meets the condition, or has a label.")
    return views.connect(root, chosen=ids).sql(_ROWS).to_arrow_table()


def _in_snapshot(root: Root, snapshot: Snapshot) -> pa.Table:
    refuse_gone(root, snapshot)
    rows = views.connect(root, chosen=snapshot.rows.select(["sample_id"])).sql(_ROWS).to_arrow_table()
    places = pc.index_in(rows["sample_id"], value_set=snapshot.rows["sample_id"].combine_chunks())
    return rows.append_column("side", snapshot.rows["side"].take(places))


def _matching(root: Root, where: str) -> pa.Table:
    rows = views.query(root, f"SELECT sample_id FROM samples WHERE {where}\nORDER BY sample_id")
    if rows.column_names != ["sample_id"]:
        raise UsageError("--where takes a condition, as `sharpness < 0.02`.")
    return rows


def _picked(root: Root, selection: str | None) -> pa.Table:
    connection = views.connect(root)
    names = [row[0] for row in connection.execute(_SELECTIONS).fetchall()]
    if not names:
        raise UsageError("Nothing is selected yet: export what a condition finds, as --where true, or select first.")
    if selection is not None and selection not in names:
        raise UsageError(f"There is no selection {selection!r}; there are: {', '.join(names)}.")
    asked = [selection or names[-1]]
    return connection.sql("SELECT sample_id FROM selections WHERE selection = ?", params=asked).to_arrow_table()


_SELECTIONS = "SELECT selection FROM selections GROUP BY selection ORDER BY min(created_at), selection"

_ROWS = """
    SELECT s.* EXCLUDE (thumbnail, phash, ringhash), t.tags, d.kept_id, p.selection, p.rank, p.gain, p.reason
    FROM samples s
    LEFT JOIN (SELECT sample_id, list(tag ORDER BY tag) AS tags FROM tags GROUP BY sample_id) t USING (sample_id)
    LEFT JOIN duplicates d USING (sample_id)
    LEFT JOIN (
        SELECT * FROM selections QUALIFY row_number() OVER (PARTITION BY sample_id ORDER BY created_at DESC) = 1
    ) p USING (sample_id)
    WHERE sample_id IN (SELECT sample_id FROM chosen)
    ORDER BY p.rank NULLS LAST, sample_id"""
