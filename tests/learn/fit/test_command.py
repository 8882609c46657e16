"""A trainer of the user's own: what it reads, what it writes, and what it does wrong."""

import json
import re
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from tasks.labels.snapshot import read_snapshot
from tasks.learn.fit.fit import fit_model
from tasks.learn.fit.version import version_of
from tasks.learn.models.file import model_uri, read_config, read_predicted
from tasks.learn.models.predict import predict_samples
from tasks.learn.settings import LearnSettings
from tasks.store.errors import UsageError, WinnowError
from tests import pipeline
from tests.learn.made import likeliest, made_root, make_snapshot
from tests.made import Maker

CLASSES = """
import csv, json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
with open(sys.argv[2], "w") as out:
    for row in csv.DictReader(open(folder / "labels.csv")):
        assert (folder / row["file"]).read_bytes()[:2] == b"\\xff\\xd8"
        assert row["side"] in ("train", "validation", "test")
        print(json.dumps({"sample_id": row["sample_id"], "probabilities": {row["label"]: 1.0}}), file=out)
"""

BOXES = """
import json, pathlib, sys
told = json.loads((pathlib.Path(sys.argv[1]) / "labels.json").read_text())
names = {one["id"]: one["name"] for one in told["categories"]}
with open(sys.argv[2], "w") as out:
    for image in told["images"]:
        boxes = [
            {"class": names[one["category_id"]], "score": 0.9, **dict(zip(("x", "y", "width", "height"), one["bbox"]))}
            for one in told["annotations"] if one["image_id"] == image["id"]
        ]
        print(json.dumps({"sample_id": image["sample_id"], "boxes": boxes}), file=out)
"""


def settings_for(script: str, place: Path) -> LearnSettings:
    file = place / "a trainer.py"
    file.write_text(script)
    return LearnSettings(command=f"{sys.executable} '{file}' {{snapshot}} {{predictions}}")


def test_fit_model__a_program_that_reads_labels_and_writes_probabilities(tmp_path: Path) -> None:
    root = made_root(tmp_path / "root", 15)
    fitted = fit_model(root.uri, "s1", settings_for(CLASSES, tmp_path))
    assert fitted.kind == "command"
    values = predict_samples(root, fitted.version, ["s-001", "s-unknown", "s-002"]).to_pylist()
    assert [row["sample_id"] for row in values] == ["s-001", "s-002"]
    assert [likeliest(row["value"]) for row in values] == ["green", "blue"]


def test_fit_model__boxes_come_back_in_pixels_of_the_original(tmp_path: Path) -> None:
    root = made_root(tmp_path / "root", 10, "boxes")
    fitted = fit_model(root.uri, "s1", settings_for(BOXES, tmp_path))
    labels = read_snapshot(root, "s1").rows["value"].to_pylist()
    for label, value in zip(labels, read_predicted(root, fitted.version)["value"].to_pylist(), strict=True):
        (box,), (found,) = json.loads(label)["boxes"], json.loads(value)["boxes"]
        assert found == {**box, "score": 0.9}


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("[1]", "line 1"),
        ('{"sample_id": "s-001", "probabilities": {"pink": 1}}', "pink"),
        ('{"sample_id": "s-001", "probabilities": {"red": NaN}}', "line 1"),
        ('{"sample_id": "s-001", "probabilities": {"red": 1}}', "s-000 is missing"),
    ],
)
def test_fit_model__what_a_program_does_wrong_is_told(written: str, words: str, tmp_path: Path) -> None:
    root = made_root(tmp_path / "root", 5)
    with pytest.raises(UsageError, match=words):
        fit_model(root.uri, "s1", settings_for(f"import sys; open(sys.argv[2], 'w').write({written!r})", tmp_path))
    assert not list(root.storage.names(root.at("models")))


def test_fit_model__a_program_that_fails_or_writes_nothing_is_told(tmp_path: Path) -> None:
    root = made_root(tmp_path / "root", 5)
    with pytest.raises(WinnowError, match="no GPU here"):
        fit_model(root.uri, "s1", settings_for("import sys; sys.exit('no GPU here')", tmp_path))
    with pytest.raises(UsageError, match="no predictions"):
        fit_model(root.uri, "s1", settings_for("", tmp_path))
    assert not list(root.storage.names(root.at("models")))


@pytest.mark.parametrize(
    "command",
    [
        "train",
        "train {snapshot}",
        "train {predictions}",
        "train {{snapshot}} {predictions}",
        "train {snapshot} {predictions} {other}",
        "train {snapshot} {predictions} {model.other}",
        "train {snapshot} {predictions} {}",
        "train {snapshot} '{predictions}",
    ],
)
def test_fit_model__a_command_that_names_no_places_is_refused(command: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"learn\.command"):
        fit_model(made_root(tmp_path / "root", 5).uri, "s1", LearnSettings(command=command))


LEAVES = (
    CLASSES
    + """
model = pathlib.Path(sys.argv[3])
assert not list(model.iterdir())
(model / "parts").mkdir()
(model / "parts" / "w 1.bin").write_bytes(b"weights")
(model / "newest").symlink_to("parts/w 1.bin")
"""
)
LEAKS = CLASSES + "pathlib.Path(sys.argv[3], 'newest').symlink_to(folder / 'labels.csv')"


def with_model(script: str, place: Path, predict_command: str | None = None) -> LearnSettings:
    plain = settings_for(script, place)
    more = {"command": f"{plain.command} {{model}}", "predict_command": predict_command}
    return plain.model_copy(update=more)


def test_fit_model__what_a_program_leaves_as_its_model_is_kept_in_the_root(tmp_path: Path) -> None:
    root = made_root(tmp_path / "root", 5)
    version = fit_model(root.uri, "s1", with_model(LEAVES, tmp_path)).version
    assert read_config(root, version).files == ["newest", "parts/w 1.bin"]
    for name in ("newest", "parts/w 1.bin"):
        assert root.storage.read(model_uri(root, version, f"model/{name}")) == b"weights"


def test_fit_model__a_model_that_links_to_elsewhere_is_refused_whole(tmp_path: Path) -> None:
    root = made_root(tmp_path / "root", 5)
    with pytest.raises(UsageError, match="'newest' in {model}"):
        fit_model(root.uri, "s1", with_model(LEAKS, tmp_path))
    assert not list(root.storage.names(root.at("models")))


@pytest.mark.parametrize(
    ("script", "predict_command", "words"),
    [
        (LEAVES, None, r"learn\.predict_command .* `winnow predictions import`"),
        (LEAVES, "ask {model} {images} {predictions}", ""),
        (CLASSES, "ask {images} {predictions}", ""),
        (CLASSES, "ask {model} {images} {predictions}", r"left nothing in \{model\}"),
    ],
)
def test_fit_model__whether_the_pool_will_be_predicted_is_told(
    script: str, predict_command: str | None, words: str, tmp_path: Path
) -> None:
    fitted = fit_model(made_root(tmp_path / "root", 5).uri, "s1", with_model(script, tmp_path, predict_command))
    assert len(fitted.notes) == bool(words)
    assert re.search(words, "".join(fitted.notes))


def test_fit_model__a_program_that_could_not_ask_is_told_before_training(tmp_path: Path) -> None:
    settings = settings_for("import sys; sys.exit('trained')", tmp_path)
    asks = settings.model_copy(update={"predict_command": "ask {images}"})
    with pytest.raises(UsageError, match=r"learn\.predict_command has to say"):
        fit_model(made_root(tmp_path / "root", 5).uri, "s1", asks)


def test_settings__what_is_asked_has_to_be_left() -> None:
    trains, asks = "train {snapshot} {predictions}", "ask {model} {images} {predictions}"
    with pytest.raises(ValidationError, match=r"command has to say where \{model\} goes"):
        LearnSettings(command=trains, predict_command=asks)
    assert LearnSettings(command=f"{trains} {{model}}", predict_command=asks).predict_command == asks


COPIES = (
    "import shutil; shutil.copy(pathlib.Path(sys.argv[1], 'labels.json'), pathlib.Path(__file__).with_name('seen'))"
)


def test_fit_model__a_program_sees_originals_if_settings_say_so(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "source")
    maker.photographs(10, width=1000, height=600)
    curated = pipeline.settings_for(maker.folder, tmp_path / "root")
    pipeline.curate(curated)
    root = pipeline.opened(curated)
    ids = [row["sample_id"] for row in pipeline.rows(curated, "SELECT sample_id FROM samples")]
    box = {"class": "red", "x": 100.0, "y": 60.0, "width": 500.0, "height": 300.0}
    make_snapshot(root, "s1", ids, [{"boxes": [box]}] * 10, "boxes")
    for source, width in (("thumbnail", 427), ("original", 1000)):
        settings = settings_for(BOXES + COPIES, tmp_path)
        settings = settings.model_copy(update={"fit": settings.fit.model_copy(update={"pixels": source})})
        version = fit_model(root.uri, "s1", settings).version
        assert read_config(root, version).pixels == source
        assert json.loads((tmp_path / "seen").read_text())["images"][0]["width"] == width
        told = [json.loads(row["value"])["boxes"][0] for row in read_predicted(root, version).to_pylist()]
        assert all(abs(one[name] - box[name]) < 0.01 for one in told for name in ("x", "y", "width", "height"))


def test_version_of__a_mended_script_makes_another_model_and_other_words_do_not_matter(tmp_path: Path) -> None:
    root = made_root(tmp_path / "root", 5)

    def version(script: str) -> str:
        return version_of(root, "s1", "command", settings_for(script, tmp_path))

    first = version(CLASSES)
    assert version(BOXES) != first
    assert version(CLASSES) == first


def test_version_of__of_the_program_itself_only_a_script_is_looked_into(tmp_path: Path) -> None:
    root, program = made_root(tmp_path / "root", 5), tmp_path / "train"
    settings = LearnSettings(command=f"'{program}' {{snapshot}} {{predictions}} {'x' * 300}")

    def version(content: bytes) -> str:
        program.write_bytes(content)
        return version_of(root, "s1", "command", settings)

    assert version(b"\x7fELF1") == version(b"\x7fELF2")
    log = tmp_path / "train.log"
    settings = settings.model_copy(update={"command": f"{settings.command} {log}"})
    before = version(b"\x7fELF1")
    log.write_text("what training wrote")
    assert version(b"\x7fELF1") == before
    assert version(b"#!/bin/sh\ntrue") != version(b"#!/bin/sh\nfalse")
