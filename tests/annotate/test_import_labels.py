"""Labels that come in: matched to samples, checked, never doubled, and nothing is overwritten."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tasks.annotate.import_labels import import_labels
from tasks.labels.change import apply_ontology
from tasks.labels.formats.same import same
from tasks.labels.ontology import Ontology, read_ontology
from tasks.labels.rows import Annotation, annotation_rows
from tasks.labels.values import as_value
from tasks.store.commit import write
from tasks.store.errors import UsageError
from tasks.store.ids import content_id
from tests.made import Maker
from tests.pipeline import curate, opened, rows, settings_for, versions

VOC100 = {
    "coco": "coco_format_v1",
    "coco_v2": "coco_format_v2",
    "voc": "pascalvoc_format",
    "cvat": "cvat_format",
    "yolo": "yolo_format",
    "openimages": "openimages_format",
}


def bring_in(settings, place: Path | str, form: str = "csv", ontology: str | None = "o", **how: Any):
    return import_labels.fn(settings.root_uri, str(place), form, ontology, **how)


def table(tmp_path: Path, *lines: str, name: str = "labels.csv", header: str = "file,class,x,y,width,height") -> Path:
    place = tmp_path / name
    place.write_text("\n".join([header, *lines]) + "\n")
    return place


def labels(settings, ontology: str = "o") -> dict[str, Any]:
    found = rows(
        settings,
        "SELECT parse_filename(source_uri) AS name, value FROM labels JOIN samples USING (sample_id) "
        f"WHERE ontology = '{ontology}'",
    )
    return {row["name"]: as_value(row["value"]) for row in found}


def test_import_labels__six_formats_give_the_same_boxes(data: Path, tmp_path: Path) -> None:
    voc100 = data / "detection" / "voc100"
    settings = settings_for(voc100 / "images", tmp_path / "root")
    curate(settings)
    for name, folder in VOC100.items():
        done = bring_in(settings, voc100 / "gts" / folder, name.removesuffix("_v2"), ontology=name)
        assert (done.pictures, done.new, done.wrong, done.unknown) == (100, 100, 0, 0)
    plain = {}
    for name in VOC100:
        found = labels(settings, name)
        plain[name] = {one: [without_attributes(box) for box in value["boxes"]] for one, value in found.items()}
    assert sum(len(boxes) for boxes in plain["coco"].values()) == 273
    for name in VOC100:
        assert set(plain[name]) == set(plain["coco"])
        for one, boxes in plain[name].items():
            assert same({"boxes": boxes}, {"boxes": plain["coco"][one]}, 0.01)
    before = versions(settings)
    for name, folder in VOC100.items():
        done = bring_in(settings, voc100 / "gts" / folder, name.removesuffix("_v2"), ontology=name)
        assert (done.new, done.changed, done.known) == (0, 0, 100)
    assert versions(settings) == before


def without_attributes(box: dict[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in box.items() if name != "attributes"}


def test_import_labels__a_changed_label_is_a_new_row_and_may_change_back(settings, tmp_path: Path) -> None:
    for turn, name in enumerate(["dog", "cat", "dog", "dog"]):
        done = bring_in(settings, table(tmp_path, f"00000.jpg,{name},1,2,3,4"), create=True)
        assert (done.new, done.changed, done.known) == [(1, 0, 0), (0, 1, 0), (0, 1, 0), (0, 0, 1)][turn]
        assert labels(settings)["00000.jpg"]["boxes"][0]["class"] == name
    chain = rows(settings, "SELECT annotation_id, replaces, origin, annotator, reference, status FROM annotations")
    assert [row["replaces"] for row in chain] == [None, *(row["annotation_id"] for row in chain[:2])]
    assert {(row["origin"], row["annotator"], row["reference"], row["status"]) for row in chain} == {
        ("import", "csv", "labels.csv", "submitted")
    }


def test_import_labels__what_a_person_said_stays_and_an_annotator_speaks_for_himself(settings, tmp_path: Path) -> None:
    place = table(tmp_path, "00000.jpg,dog,1,2,3,4")
    bring_in(settings, place)
    (row,) = rows(settings, "SELECT * FROM labels")
    human = Annotation(row["sample_id"], {"answer": "empty"}, "ann", status="reviewed", replaces=row["annotation_id"])
    write(opened(settings), "annotations", annotation_rows([human], "human", read_ontology(opened(settings), "o")))
    before = versions(settings)
    assert bring_in(settings, place).known == 1
    assert versions(settings) == before
    assert labels(settings) == {"00000.jpg": {"answer": "empty"}}
    assert bring_in(settings, place, annotator="bob").new == 1
    assert bring_in(settings, place, annotator="bob").known == 1
    assert labels(settings) == {"00000.jpg": {"answer": "empty"}}


def test_import_labels__what_cannot_be_used_is_a_finding_and_the_rest_goes_in(settings, tmp_path: Path) -> None:
    place = table(
        tmp_path,
        "00000.jpg,dog,1,2,3,4",
        "00000.jpg,dog,190,2,30,4",
        "00000.jpg,dog,199,98,1.9,2.9",
        "00001.jpg,dog,1e300,1,1e308,1",
        "00001.jpg,dog,1,1,-3,4",
        "00001.jpg,dog,,1,3,4",
        "../../etc/passwd,dog,1,2,3,4",
    )
    done = bring_in(settings, place)
    assert (done.new, done.wrong, done.unknown, done.names) == (1, 4, 1, ["../../etc/passwd"])
    assert [box["x"] for box in labels(settings)["00000.jpg"]["boxes"]] == [1, 199]
    found = rows(settings, "SELECT * FROM findings ORDER BY reason")
    assert {row["kind"] for row in found} == {"label_invalid"}
    assert [row["reason"].partition(":")[0] for row in found] == [
        "box 1 (dog) lies outside the picture of 200 x 100 pixels",
        "box 2 (dog) lies outside the picture of 200 x 100 pixels",
        "line 6",
        "line 7",
    ]
    assert {json.loads(row["suggestion"])["name"] for row in found} == {"00000.jpg", "00001.jpg"}
    before = versions(settings)
    bring_in(settings, place)
    assert versions(settings) == before
    bring_in(settings, table(tmp_path, "00000.jpg,dog,1,2,3,4"))
    settled = rows(settings, "SELECT status FROM findings WHERE reason LIKE 'box 2%'")
    assert settled == [{"status": "settled"}]


@pytest.mark.parametrize(
    ("lines", "form", "ontology", "why"),
    [
        (["nowhere.jpg,dog,1,2,3,4"], "csv", "o", "names no sample"),
        (["00000.jpg,wolf,1,2,3,4"], "csv", "animals", "no class 'wolf'"),
        (["00000.jpg,wolf,1,2,3,4"], "csv", "a/b", "no name"),
        (["00000.jpg,dog,1,2,3,4"], "folders", "animals", "no boxes"),
        (["00000.jpg,dog,1,2,3,4"], "excel", "animals", "it can be"),
        (["00000.jpg,dog,x,2,3,4"], "csv", "animals", "no labels"),
    ],
)
def test_import_labels__mistakes_write_nothing(settings, tmp_path, lines, form, ontology, why: str) -> None:
    apply_ontology(opened(settings), Ontology.model_validate({"name": "animals", "type": "boxes", "classes": ["dog"]}))
    before = versions(settings), sorted((tmp_path / "root" / "ontologies").rglob("*"))
    with pytest.raises(UsageError, match=why):
        bring_in(settings, table(tmp_path, *lines), form, ontology)
    assert (versions(settings), sorted((tmp_path / "root" / "ontologies").rglob("*"))) == before


def test_import_labels__a_dry_run_says_the_same_and_writes_nothing(settings, tmp_path: Path) -> None:
    place = table(tmp_path, "00000.jpg,dog,1,2,3,4", "00001.jpg,dog,500,2,3,4")
    before = versions(settings)
    would = bring_in(settings, place, dry_run=True)
    assert (versions(settings), (tmp_path / "root" / "ontologies").exists()) == (before, False)
    assert bring_in(settings, place) == would


def test_import_labels__names_are_found_by_id_path_copy_and_stem(maker: Maker, tmp_path: Path) -> None:
    first, second = (maker.photographs(1, first=seed, folder=folder)[0] for seed, folder in ((0, "a"), (1, "b")))
    maker.write("b/00000.jpg", second.read_bytes())
    maker.write("Straße 1/über.jpg", first.read_bytes())
    settings = settings_for(maker.folder, tmp_path / "root")
    curate(settings)
    one, other = (content_id(place.read_bytes()) for place in (first, second))
    for name, sample in [
        (f"images/{one}.jpg", one),
        (str(first), one),
        ("b/00000.jpg", other),
        ("u\u0308ber", one),
        ("photos/00001", other),
    ]:
        done = bring_in(settings, table(tmp_path, f"{name},{name}", header="file,class"), create=True)
        assert (done.new + done.changed, done.unknown) == (1, 0)
        found = rows(settings, f"SELECT value FROM labels WHERE sample_id = '{sample}'")
        assert as_value(found[0]["value"]) == {"class": name}
    done = bring_in(settings, table(tmp_path, "00000.jpg,dog", "c/00001.jpg,dog", header="file,class"), create=True)
    assert (done.ambiguous, done.names) == (1, ["00000.jpg"])
    done = bring_in(settings, table(tmp_path, "a/00001.jpg,dog", "b/00001.jpg,dog", header="file,class"))
    assert done.names == ["a/00001.jpg"]


def test_import_labels__labels_of_a_smaller_picture_are_scaled_and_of_a_turned_one_refused(settings, tmp_path) -> None:
    header = "file,class,x,y,width,height,image_width,image_height"
    lines = ["00000.jpg,dog,10,5,20,10,100,50", "00001.jpg,dog,10,5,20,10,100,200"]
    done = bring_in(settings, table(tmp_path, *lines, header=header))
    assert labels(settings) == {"00000.jpg": {"boxes": [{"class": "dog", "x": 20, "y": 10, "width": 40, "height": 20}]}}
    assert done.wrong == 1
    assert "100 x 200" in rows(settings, "SELECT reason FROM findings")[0]["reason"]


def test_import_labels__attributes_make_an_ontology_and_others_are_left_out(settings, tmp_path: Path) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["file", "class", "attributes"])
    writer.writerow(["00000.jpg", "dog", json.dumps({"pose": "left", "occluded": True})])
    writer.writerow(["00001.jpg", "dog", json.dumps({"pose": "right", "age": 3})])
    (tmp_path / "labels.csv").write_text(text.getvalue())
    done = bring_in(settings, tmp_path / "labels.csv")
    made = {one.name: one.values for one in read_ontology(opened(settings), "o").attributes}
    assert made == {"pose": ["left", "right"], "occluded": []}
    assert ["'age'" in note for note in done.notes] == [True]
    assert labels(settings)["00001.jpg"] == {"class": "dog", "attributes": {"pose": "right"}}


def test_import_labels__classes_are_added_if_asked_for(settings, tmp_path: Path) -> None:
    assert bring_in(settings, table(tmp_path, "00000.jpg,dog,1,2,3,4")).version == 1
    more = table(tmp_path, "00000.jpg,cat,1,2,3,4")
    with pytest.raises(UsageError, match="--create-ontology"):
        bring_in(settings, more)
    done = bring_in(settings, more, create=True)
    assert (done.version, done.classes) == (2, 1)
    assert read_ontology(opened(settings), "o").class_names == ["dog", "cat"]
    assert bring_in(settings, more, ontology=None).known == 1
