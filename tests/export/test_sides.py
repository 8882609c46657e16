"""Export of a snapshot: its samples and labels as the manifest has them, by side."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from tasks.annotate.import_labels import import_labels
from tasks.export.write import export
from tasks.labels.snapshot import Snapshot, manifest_uri, with_header
from tasks.labels.values import as_value
from tasks.learn.settings import LearnSettings
from tasks.learn.snapshots.settings import SplitSettings
from tasks.store import staging
from tasks.store.errors import UsageError
from tests.learn.snapshots.scene import snapshot
from tests.pipeline import opened

BOXES = ["file,class,x,y,width,height,answer", "00000.jpg,dog,10,20,30,40,", "00001.jpg,cat,50,50,50,50,"]


@pytest.fixture
def frozen(settings, tmp_path: Path) -> Snapshot:
    """A snapshot of two boxes and a picture without any, one of them on test; then a label changed."""
    (tmp_path / "in.csv").write_text("\n".join([*BOXES, "00002.jpg,,,,,,empty"]))
    import_labels.fn(settings.root_uri, str(tmp_path / "in.csv"), "csv", "o")
    named = LearnSettings(split=SplitSettings(test_where="source_uri LIKE '%00000.jpg'"))
    made = snapshot(opened(settings), "first", named)
    (tmp_path / "in.csv").write_text("\n".join([BOXES[0], "00000.jpg,cat,1,1,1,1,"]))
    import_labels.fn(settings.root_uri, str(tmp_path / "in.csv"), "csv", "o")
    return made


def write(settings, place: Path, form: str, **how):
    return export.fn(settings.root_uri, str(place), form, None, how.pop("where", None), snapshot="first", **how)


def test_export__a_snapshot_is_a_folder_for_each_side(frozen: Snapshot, settings, tmp_path: Path) -> None:
    done = write(settings, tmp_path / "out", "yolo")
    assert done.samples == 3
    sides = {row["sample_id"]: row["side"] for row in frozen.rows.to_pylist()}
    assert {path.stem: path.parts[-3] for path in (tmp_path / "out").rglob("*.jpg")} == sides
    (drawn,) = (tmp_path / "out" / "test" / "labels").glob("*.txt")
    assert drawn.read_text().split() == ["0", "0.125", "0.4", "0.15", "0.4"]
    described = yaml.safe_load((tmp_path / "out" / "data.yaml").read_text())
    assert (described["train"], described["val"]) == ("train/images", "validation/images")
    assert (tmp_path / "out" / described["test"]).is_dir()
    again = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    write(settings, tmp_path / "out", "yolo")
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == again


def test_export__a_snapshot_has_its_own_labels_and_its_sides(frozen: Snapshot, settings, tmp_path: Path) -> None:
    found = pq.read_table(write(settings, tmp_path / "pq", "parquet").place).to_pylist()
    told = {row["sample_id"]: (row["side"], as_value(row["label_o"])) for row in found}
    assert told == {row["sample_id"]: (row["side"], as_value(row["value"])) for row in frozen.rows.to_pylist()}
    write(settings, tmp_path / "fo", "fiftyone", originals=False)
    samples = json.loads((tmp_path / "fo" / "samples.json").read_text())["samples"]
    assert {one["sample_id"]: one["side"] for one in samples} == {name: side for name, (side, _) in told.items()}


def test_export__mistakes_about_snapshots(frozen: Snapshot, settings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not both"):
        write(settings, tmp_path / "out", "yolo", where="true")
    root = opened(settings)
    staging.write_rows(root, manifest_uri(root, "first"), with_header(frozen).slice(1))
    with pytest.raises(UsageError, match="another one than was committed"):
        write(settings, tmp_path / "out", "yolo")
    with pytest.raises(UsageError, match="no snapshot 'second'"):
        export.fn(settings.root_uri, str(tmp_path / "out"), "yolo", None, None, snapshot="second")
    assert not (tmp_path / "out").exists()
