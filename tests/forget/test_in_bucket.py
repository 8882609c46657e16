"""Forgetting in a root that lies in a bucket: no object of it has a byte of what was forgotten."""

from pathlib import Path

from flows.forget import forget
from tasks.forget.concern import Wish
from tasks.report.page import write_report
from tests.buckets import Buckets
from tests.forget.test_forget import NOTE, told_apart
from tests.made import Maker
from tests.pipeline import curate, rows, select, settings_for


def test_forget__in_a_bucket(s3: Buckets, tmp_path: Path) -> None:
    bucket = s3.make("root")
    Maker(tmp_path / "source").photographs(6)
    settings = settings_for(tmp_path / "source", f"{bucket}/r", select__budget=6)
    curate(settings)
    select(settings)
    write_report(settings.root_uri)
    known = [row["sample_id"] for row in rows(settings, "SELECT sample_id FROM samples ORDER BY source_uri")]
    told = told_apart(settings, tuple(known[:2]))
    assert all(any(part in content for content in s3.keys(bucket).values()) for part in _whole(told))
    (erased,) = forget(settings, Wish(samples=tuple(known[:2])), NOTE)
    assert "lifecycle" in erased.notes[0]
    left = s3.keys(bucket)
    assert [what for what, part in told.items() if any(part in content for content in left.values())] == []
    assert not any(sample in key for key in left for sample in known[:2])
    assert any(known[2] in key for key in left)
    assert curate(settings).batches == []
    assert [row["sample_id"] for row in rows(settings, "SELECT sample_id FROM samples ORDER BY source_uri")] == known[
        2:
    ]


def _whole(told: dict[str, bytes]) -> list[bytes]:
    """What is found in the raw bytes of tables before: pictures, that is, which are not encoded any further."""
    return [part for what, part in told.items() if what.startswith("thumbnail")]
