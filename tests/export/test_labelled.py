"""Export with labels: what a format holds comes back, what it does not is said, and nothing old is left over."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image

from tasks.annotate.import_labels import import_labels
from tasks.export.write import export
from tasks.labels.formats import READERS, WRITERS
from tasks.labels.values import as_value
from tasks.store.errors import UsageError
from tests.pipeline import curate, rows, settings_for, versions

BOXES = [
    "file,class,x,y,width,height,crowd,attributes,answer",
    '00000.jpg,dog,10,20,30,40.5,1,"{""pose"": ""left""}",',
    "00000.jpg,Straße,150,50,50,50,,,",
    "00001.jpg,,,,,,,,empty",
]


def labelled(settings, tmp_path: Path, lines: list[str], ontology: str = "o", **how: Any) -> None:
    (tmp_path / "in.csv").write_text("\n".join(lines) + "\n")
    import_labels.fn(settings.root_uri, str(tmp_path / "in.csv"), "csv", ontology, **how)


def write(settings, place: Path, form: str, **how: Any):
    where = how.pop("where", None)
    return export.fn(settings.root_uri, str(place), form, None, where, **{"labelled": True, **how})


def files(place: Path) -> dict[str, bytes]:
    return {str(one.relative_to(place)): one.read_bytes() for one in place.rglob("*") if one.is_file()}


@pytest.mark.parametrize("form", [form for form in WRITERS if "boxes" in WRITERS[form].HOLDS and form in READERS])
def test_export__labels_come_back_and_what_is_lost_is_said(form: str, settings, tmp_path: Path) -> None:
    labelled(settings, tmp_path, BOXES)
    done = write(settings, tmp_path / "out", form)
    holds = WRITERS[form].HOLDS["boxes"]
    lost = [word for word in ("crowd", "attributes", "empty") if word not in holds]
    assert len(done.cannot_hold) == len(lost)
    assert (done.samples, done.left_out, done.thumbnails) == (1 + ("empty" in holds), 0, 0)
    assert len(list((tmp_path / "out").rglob("*.jpg"))) == done.samples
    assert {Image.open(path).size for path in (tmp_path / "out").rglob("*.jpg")} == {(200, 100)}
    back = import_labels.fn(settings.root_uri, str(tmp_path / "out"), form, "o", dry_run=True)
    assert (back.known, back.new, back.changed) == (1 + ("empty" in holds), 0, 0)
    assert (back.wrong, back.unknown) == (0, 0)


@pytest.mark.parametrize("form", ["coco", "yolo", "voc", "cvat", "csv", "openimages"])
def test_export__voc100_out_and_in_again_changes_nothing(form: str, voc100, tmp_path: Path) -> None:
    write(voc100, tmp_path / "out", form, originals=False)
    before = versions(voc100)
    done = import_labels.fn(voc100.root_uri, str(tmp_path / "out"), form)
    assert (done.pictures, done.known, done.new, done.changed, done.wrong) == (100, 100, 0, 0, 0)
    assert versions(voc100) == before


@pytest.fixture(scope="module")
def voc100(data: Path, tmp_path_factory: pytest.TempPathFactory):
    place = data / "detection" / "voc100"
    settings = settings_for(place / "images", tmp_path_factory.mktemp("voc100") / "root")
    curate(settings)
    import_labels.fn(settings.root_uri, str(place / "gts" / "pascalvoc_format"), "voc", "voc")
    return settings


def test_export__shapes_are_scaled_to_thumbnails_and_back(maker, tmp_path: Path) -> None:
    maker.photographs(1, width=800, height=600)
    settings = settings_for(maker.folder, tmp_path / "root")
    curate(settings)
    labelled(settings, tmp_path, ["file,class,x,y,width,height", "00000.jpg,dog,400,300,80,60"])
    done = write(settings, tmp_path / "out", "coco", originals=False)
    assert done.thumbnails == 1
    document = json.loads((tmp_path / "out" / "labels.json").read_text())
    (image,), (one,) = document["images"], document["annotations"]
    assert Image.open(tmp_path / "out" / "data" / image["file_name"]).size == (image["width"], image["height"])
    assert one["bbox"] == pytest.approx([170.5, 128, 34.1, 25.6])
    assert import_labels.fn(settings.root_uri, str(tmp_path / "out"), "coco").known == 1


def test_export__again_takes_away_what_is_no_longer_so(settings, tmp_path: Path) -> None:
    labelled(settings, tmp_path, ["file,class", "00000.jpg,dog", "00001.jpg,../cat"])
    write(settings, tmp_path / "out", "folders")
    first = files(tmp_path / "out")
    write(settings, tmp_path / "out", "folders")
    assert files(tmp_path / "out") == first
    assert not (tmp_path / "cat").exists()
    (tmp_path / "out" / "mine.txt").write_text("stays")
    labelled(settings, tmp_path, ["file,class", "00000.jpg,../cat", "00001.jpg,../cat"])
    write(settings, tmp_path / "out", "folders")
    assert len([name for name in files(tmp_path / "out") if name.endswith(".jpg")]) == 2
    assert not list((tmp_path / "out" / "dog").iterdir())
    assert (tmp_path / "out" / "mine.txt").read_text() == "stays"
    assert import_labels.fn(settings.root_uri, str(tmp_path / "out"), "folders").known == 2


def test_export__hugging_face_and_webdataset_open(settings, tmp_path: Path) -> None:
    labelled(settings, tmp_path, BOXES)
    write(settings, tmp_path / "hf", "imagefolder")
    lines = [json.loads(line) for line in (tmp_path / "hf" / "data" / "metadata.jsonl").read_text().splitlines()]
    assert all((tmp_path / "hf" / "data" / line["file_name"]).is_file() for line in lines)
    objects = sorted((line["objects"] for line in lines), key=lambda one: len(one["bbox"]))
    assert objects[0]["bbox"] == []
    assert objects[1]["bbox"] == [[10, 20, 30, 40.5], [150, 50, 50, 50]]
    assert (objects[1]["categories"], objects[1]["crowd"]) == (["dog", "Straße"], [True, False])
    write(settings, tmp_path / "web", "webdataset")
    with tarfile.open(tmp_path / "web" / "00000.tar") as tar:
        names = tar.getnames()
        labels = [json.load(tar.extractfile(name)) for name in names if name.endswith(".json")]
    assert [Path(name).suffix for name in names] == [".jpg", ".json"] * 2
    assert sorted(len(label.get("boxes", [])) for label in labels) == [0, 2]
    before = files(tmp_path / "web")
    write(settings, tmp_path / "web", "webdataset")
    assert files(tmp_path / "web") == before


def test_export__fiftyone_and_parquet_carry_the_labels_of_every_ontology(settings, tmp_path: Path) -> None:
    labelled(settings, tmp_path, BOXES)
    labelled(settings, tmp_path, ["file,class", "00002.jpg,day"], "time-of.day")
    done = write(settings, tmp_path / "fo", "fiftyone")
    assert (done.samples, done.labelled) == (3, 3)
    samples = {one["sample_id"]: one for one in json.loads((tmp_path / "fo" / "samples.json").read_text())["samples"]}
    names = {
        row["sample_id"]: row["name"] for row in rows(settings, "SELECT sample_id, source_uri AS name FROM samples")
    }
    first, second, third = sorted(samples.values(), key=lambda one: names[one["sample_id"]])
    assert [one["label"] for one in first["label_o"]["detections"]] == ["dog", "Straße"]
    assert first["label_o"]["detections"][0]["bounding_box"] == [0.05, 0.2, 0.15, 0.405]
    assert (second["label_o"]["detections"], second["tags"]) == ([], ["empty"])
    assert third["label_time_of_day"]["label"] == "day"
    fields = json.loads((tmp_path / "fo" / "metadata.json").read_text())["sample_fields"]
    assert {"label_o", "label_time_of_day"} <= {field["name"] for field in fields}
    done = write(settings, tmp_path / "pq", "parquet")
    told = [as_value(one) for one in pq.read_table(done.place)["label_o"].to_pylist() if one]
    assert sorted(map(len, (value.get("boxes", []) for value in told))) == [0, 2]


@pytest.mark.parametrize(
    ("form", "how", "why"),
    [
        ("folders", {}, "no boxes: take one of"),
        ("yolo", {"ontology": "nothing"}, "no ontology nothing"),
        ("yolo", {"labelled": False}, "Nothing is selected"),
        ("yolo", {"where": "true"}, "not both"),
    ],
)
def test_export__mistakes_with_labels_write_nothing(settings, tmp_path: Path, form, how, why: str) -> None:
    labelled(settings, tmp_path, BOXES)
    with pytest.raises(UsageError, match=why):
        export.fn(
            settings.root_uri, str(tmp_path / "out"), form, None, how.pop("where", None), **{"labelled": True, **how}
        )
    assert not (tmp_path / "out").exists()


def test_export__labels_are_needed_and_several_ontologies_need_a_name(settings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="None of these samples has a label"):
        write(settings, tmp_path / "out", "yolo", where="true", labelled=False)
    labelled(settings, tmp_path, BOXES)
    labelled(settings, tmp_path, ["file,class", "00000.jpg,day"], "time")
    with pytest.raises(UsageError, match="name one with --ontology"):
        write(settings, tmp_path / "out", "csv")
    done = write(settings, tmp_path / "out", "csv", where="true", labelled=False, ontology="time")
    assert (done.samples, done.left_out) == (1, 2)
