"""Samples that a condition of the settings names."""

from tasks.store import views
from tasks.store.errors import UsageError
from tasks.store.root import Root


def named_by(root: Root, setting: str, where: str | None) -> set[str]:
    """Samples for which a condition holds; none without one.

    Args:
        root: where the dataset is.
        setting: of learn.split, that holds the condition.
        where: over the columns of samples, in SQL.

    Raises:
        UsageError: it is no condition.
    """
    if where is None:
        return set()
    try:
        rows = views.query(root, f"SELECT sample_id FROM samples WHERE {where}\nORDER BY sample_id")
    except UsageError as error:
        raise UsageError(f"learn.split.{setting}: {error}") from error
    if rows.column_names != ["sample_id"]:
        raise UsageError(f"learn.split.{setting} takes a condition, as source_uri LIKE '%/test/%'.")
    return set(rows["sample_id"].to_pylist())
