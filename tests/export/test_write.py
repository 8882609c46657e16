"""Export: what other tools open holds the samples that were asked for, and nothing else."""

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tasks.export.write import export
from tasks.select.tag import put_tag
from tasks.store import staging
from tasks.store.errors import UsageError
from tests.made import Maker
from tests.pipeline import curate, opened, rows, select, settings_for


@pytest.fixture
def settings(maker: Maker, tmp_path: Path):
    maker.photographs(6, width=800, height=600)
    found = settings_for(maker.folder, tmp_path / "root", select__budget=3)
    curate(found)
    select(found)
    return found


def test_export__fiftyone_documents_name_every_field_and_file(settings, tmp_path: Path) -> None:
    picked = [row["sample_id"] for row in rows(settings, "SELECT sample_id FROM selections ORDER BY rank")]
    put_tag(opened(settings), "night", picked[:1])
    done = export.fn(settings.root_uri, str(tmp_path / "out"), "fiftyone", None, None)
    assert (done.samples, done.thumbnails) == (3, 0)
    samples = json.loads((tmp_path / "out" / "samples.json").read_text())["samples"]
    assert [one["sample_id"] for one in samples] == picked
    assert [one["tags"] for one in samples] == [["night"], [], []]
    assert [one["rank"] for one in samples] == [1, 2, 3]
    for one in samples:
        size = (one["metadata"]["width"], one["metadata"]["height"])
        assert Image.open(tmp_path / "out" / one["filepath"]).size == size == (800, 600)
    fields = json.loads((tmp_path / "out" / "metadata.json").read_text())["sample_fields"]
    told = {field["db_field"]: field["ftype"].rpartition(".")[2] for field in fields}
    assert set().union(*samples) <= set(told)
    assert (told["rank"], told["sharpness"], told["captured_at"]) == ("IntField", "FloatField", "DateTimeField")


def test_export__parquet_holds_pictures_that_open(settings, tmp_path: Path) -> None:
    done = export.fn(settings.root_uri, str(tmp_path / "out"), "parquet", None, "true")
    table = pq.read_table(done.place)
    assert len(table) == done.samples == 6
    assert table["selection"].to_pylist() == ["selection-1"] * 3 + [None] * 3
    assert {Image.open(io.BytesIO(one["bytes"])).size for one in table["thumbnail"].to_pylist()} == {(341, 256)}


def test_export__parquet_has_the_places_of_the_map(settings, tmp_path: Path) -> None:
    ids = [row["sample_id"] for row in rows(settings, "SELECT sample_id FROM samples ORDER BY sample_id")]
    places = opened(settings).at("indexes", "map-of-a-test.parquet")
    drawn = pa.table({"sample_id": ids[:5], "x": pa.array(range(5), pa.uint16()), "y": pa.array([7] * 5, pa.uint16())})
    staging.write_rows(opened(settings), places, drawn)
    done = export.fn(settings.root_uri, str(tmp_path / "out"), "parquet", None, "true", places=places)
    found = {row["sample_id"]: (row["x"], row["y"]) for row in pq.read_table(done.place).to_pylist()}
    assert found == {**{one: (place, 7) for place, one in enumerate(ids[:5])}, ids[5]: (None, None)}


def test_export__coco_skeleton_names_its_images(settings, tmp_path: Path) -> None:
    export.fn(settings.root_uri, str(tmp_path / "out"), "coco", "selection-1", None, originals=False)
    skeleton = json.loads((tmp_path / "out" / "labels.json").read_text())
    assert (len(skeleton["images"]), skeleton["annotations"]) == (3, [])
    for one in skeleton["images"]:
        assert Image.open(tmp_path / "out" / "data" / one["file_name"]).size == (one["width"], one["height"])


def test_export__again_is_the_same_and_another_is_refused(settings, tmp_path: Path) -> None:
    def written() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}

    export.fn(settings.root_uri, str(tmp_path / "out"), "fiftyone", None, None)
    before = written()
    export.fn(settings.root_uri, str(tmp_path / "out"), "fiftyone", None, None)
    assert written() == before
    with pytest.raises(UsageError, match="holds something else"):
        export.fn(settings.root_uri, str(tmp_path / "out"), "coco", None, None)
    assert written() == before


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ((None, "sharpness >"), "cannot be run"),
        ((None, "false"), "no sample meets"),
        (("night", None), "there are: selection-1"),
        (("selection-1", "true"), "not both"),
    ],
)
def test_export__mistakes_write_nothing(settings, tmp_path: Path, asked, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        export.fn(settings.root_uri, str(tmp_path / "out"), "coco", *asked)
    assert not (tmp_path / "out").exists()
