"""Tags from a file of ids: what the page saves is what gets the tag."""

from pathlib import Path

import pyarrow as pa
import pytest

from tasks.select.tag import put_tag, samples_to_tag
from tasks.store import tables, views
from tasks.store.errors import UsageError
from tasks.store.log import Event, record
from tasks.store.root import Root
from tasks.store.schema import SAMPLES


@pytest.fixture
def ids(root: Root) -> list[str]:
    """Committed samples."""
    names = [f"{number:064x}" for number in range(5)]
    rows = {field.name: pa.nulls(5, field.type) for field in SAMPLES.schema}
    rows |= {"sample_id": pa.array(names), "batch_id": pa.repeat("b", 5)}
    tables.insert(root, SAMPLES, pa.table(rows, schema=SAMPLES.schema))
    for event in ("planned", "committed"):
        record(root, lambda _log, event=event: Event("b", event, "ingest", "made", {}, ""))
    return names


@pytest.mark.parametrize(
    "text", ["{0}\n{1}\n\n{0}\n", '"path","sample_id"\n"a,b.jpg",{0}\n,{1}', "\ufeffsample_id\r\n{1}\r\n{0}"]
)
def test_samples_to_tag__of_lines_and_of_csv(root: Root, ids: list[str], tmp_path: Path, text: str) -> None:
    (tmp_path / "ids.txt").write_text(text.format(*ids), newline="")
    assert samples_to_tag(root, None, str(tmp_path / "ids.txt")) == ids[:2]
    assert put_tag(root, "odd", ids[:2]) == 2
    tagged = views.query(root, "SELECT sample_id FROM tags WHERE tag = 'odd' ORDER BY 1")
    assert tagged["sample_id"].to_pylist() == ids[:2]


def test_samples_to_tag__refuses_what_is_no_sample(root: Root, ids: list[str], tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text(f"{ids[0]}\n' OR 1=1\n")
    with pytest.raises(UsageError, match="1 ids in .* are no samples"):
        samples_to_tag(root, None, str(tmp_path / "ids.txt"))
    (tmp_path / "ids.bin").write_bytes(b"\xff\xd8\xff")
    for file in ("missing.txt", str(tmp_path / "ids.bin")):
        with pytest.raises(UsageError, match="cannot be read"):
            samples_to_tag(root, None, file)
    for where, file in ((None, None), ("true", "ids.txt")):
        with pytest.raises(UsageError, match="either --where"):
            samples_to_tag(root, where, file)
