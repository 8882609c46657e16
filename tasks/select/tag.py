"""Put a tag on the samples that a query finds or that a file lists."""

import csv
from datetime import UTC, datetime

import pyarrow as pa

from tasks.store import views
from tasks.store.commit import write
from tasks.store.errors import UsageError
from tasks.store.ids import make_id
from tasks.store.log import who
from tasks.store.root import Root
from tasks.store.schema import TAGS


def samples_to_tag(root: Root, where: str | None, ids: str | None) -> list[str]:
    """Samples that a condition finds or a file lists. Raises UsageError unless exactly one of them is given."""
    if (where is None) == (ids is None):
        raise UsageError("Say which samples: either --where with a condition, or --ids with a file.")
    return listed_samples(root, ids) if ids is not None else matching_samples(root, where or "")


def matching_samples(root: Root, where: str) -> list[str]:
    """Samples for which a condition over the columns of `samples` holds. Raises UsageError if it is wrong."""
    rows = views.query(root, f"SELECT sample_id FROM samples WHERE {where}\nORDER BY sample_id")
    if "sample_id" not in rows.column_names:
        raise UsageError("--where takes a condition, as `sharpness < 0.02`.")
    ids: list[str] = rows["sample_id"].to_pylist()
    return ids


def listed_samples(root: Root, file: str) -> list[str]:
    """Samples whose ids a file lists: one a line, or a CSV with a column sample_id.

    Raises:
        UsageError: the file cannot be read, or one of its ids is no sample.
    """
    try:
        with open(file, encoding="utf-8-sig", newline="") as lines:
            table = [row for row in csv.reader(lines) if row]
    except (OSError, UnicodeError, csv.Error) as error:
        raise UsageError(f"The ids in {file} cannot be read ({error}); give one id a line.") from error
    place = table[0].index("sample_id") if table and "sample_id" in table[0] else None
    ids = [row[place or 0].strip() for row in table[0 if place is None else 1 :] if len(row) > (place or 0)]
    wanted = pa.table({"sample_id": pa.array(dict.fromkeys(ids), pa.string())})
    found = views.connect(root, wanted=wanted).sql("SELECT sample_id FROM wanted SEMI JOIN samples USING (sample_id)")
    known: list[str] = found.to_arrow_table()["sample_id"].to_pylist()
    strangers = set(wanted["sample_id"].to_pylist()) - set(known)
    if strangers:
        raise UsageError(f"{len(strangers)} ids in {file} are no samples of this root, as {min(strangers)[:80]!r}.")
    return sorted(known)


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
