"""Put a tag on the samples that a query finds."""

from datetime import UTC, datetime

import pyarrow as pa

from tasks.store import views
from tasks.store.commit import write
from tasks.store.errors import UsageError
from tasks.store.ids import make_id
from tasks.store.log import who
from tasks.store.root import Root
from tasks.store.schema import TAGS


def matching_samples(root: Root, where: str) -> list[str]:
    """Samples for which a condition over the columns of `samples` holds. Raises UsageError if it is wrong."""
    rows = views.query(root, f"SELECT sample_id FROM samples WHERE {where}\nORDER BY sample_id")
    if "sample_id" not in rows.column_names:
        raise UsageError("--where takes a condition, as `sharpness < 0.02`.")
    ids: list[str] = rows["sample_id"].to_pylist()
    return ids


def put_tag(root: Root, tag: str, samples: list[str]) -> int:
    """Tag samples; how many did not have the tag yet. Raises UsageError for an empty tag."""
    if not tag.strip():
        raise UsageError("A tag needs a name.")
    now = datetime.now(UTC)
    rows = [
        {"tag_id": make_id(tag, sample), "sample_id": sample, "tag": tag, "by": who(), "created_at": now}
        for sample in samples
    ]
    return write(root, TAGS.name, pa.Table.from_pylist(rows, schema=TAGS.schema)) if rows else 0
