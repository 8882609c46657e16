"""A trainer of the user's own, round the circle: its model is kept, promoted, and asked about the pool."""

import csv
import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from flows.settings import Settings
from tasks.annotate.import_labels import import_labels
from tasks.labels.champion import champion_of
from tasks.labels.uncertainty import uncertainty
from tasks.learn.due import anything_to_learn
from tasks.learn.models import pool
from tasks.learn.models.file import read_config, read_evaluation
from tasks.store.errors import WinnowError
from tasks.store.log import read_log
from tests.made import Maker
from tests.pipeline import curate, learn, opened, rows, settings_for, versions

TINTS = ("red", "green", "blue")
SAMPLES, LABELLED = 60, 40
WIDTH, HEIGHT = 640, 512
SCALE = 2
"""How many times as large as their thumbnails the originals are."""

LOOK = """
import csv, json, pathlib, sys
import numpy as np
from PIL import Image

def tint(file):
    return np.asarray(Image.open(file), float).mean((0, 1))

def say(lines, place):
    pathlib.Path(place).write_text("\\n".join(map(json.dumps, lines)))

def told(centres, sample, seen):
    away = {name: np.exp(-np.linalg.norm(seen - np.array(centre)) / 30) for name, centre in centres.items()}
    shares = {name: float(one / sum(away.values())) for name, one in away.items()}
    return {"sample_id": sample, "probabilities": shares}
"""

TRAIN = (
    LOOK
    + """
folder, predictions, model = map(pathlib.Path, sys.argv[1:])
rows = list(csv.DictReader(open(folder / "labels.csv")))
seen = {row["sample_id"]: tint(folder / row["file"]) for row in rows}
kinds = sorted({row["label"] for row in rows})
train = [row for row in rows if row["side"] == "train"]
centres = {kind: np.mean([seen[row["sample_id"]] for row in train if row["label"] == kind], 0) for kind in kinds}
centres = {kind: centre.tolist() for kind, centre in centres.items()}
(model / "tints").mkdir()
(model / "tints" / "centres.json").write_text(json.dumps(centres))
say([told(centres, sample, one) for sample, one in seen.items()], predictions)
"""
)

ASK = (
    LOOK
    + """
model, images, predictions = map(pathlib.Path, sys.argv[1:])
centres = json.loads((model / "tints" / "centres.json").read_text())
say([told(centres, file.stem, tint(file)) for file in images.iterdir()], predictions)
"""
)

TRAIN_BOXES = """
import json, pathlib, sys
folder, predictions = map(pathlib.Path, sys.argv[1:3])
labels = json.loads((folder / "labels.json").read_text())
names = {one["id"]: one["name"] for one in labels["categories"]}
found = {image["id"]: {"sample_id": image["sample_id"], "boxes": []} for image in labels["images"]}
for one in labels["annotations"]:
    box = dict(zip(("x", "y", "width", "height"), one["bbox"]))
    found[one["image_id"]]["boxes"].append({"class": names[one["category_id"]], "score": 0.9, **box})
predictions.write_text("\\n".join(map(json.dumps, found.values())))
"""

ASK_BOXES = """
import json, pathlib, sys
images, predictions = map(pathlib.Path, sys.argv[1:])
box = {"class": "green", "score": 0.7, "x": 10, "y": 5, "width": 20, "height": 30}
lines = [json.dumps({"sample_id": file.stem, "boxes": [box]}) for file in images.iterdir()]
predictions.write_text("\\n".join(lines))
"""


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source of pictures that have one of three tints, and a root in which they are curated."""
    place = tmp_path_factory.mktemp("curated")
    maker = Maker(place / "source")
    maker.tinted(SAMPLES, width=WIDTH, height=HEIGHT)
    curate(settings_for(maker.folder, place / "root"))
    return place


@pytest.fixture
def place(tmp_path: Path, curated: Path) -> Path:
    """A folder with a copy of the root, and place for programs."""
    shutil.copytree(curated / "root", tmp_path / "root")
    return tmp_path


@pytest.fixture
def settings(place: Path, curated: Path) -> Settings:
    """A trainer of classes that leaves a model, a program that asks it, and labels."""
    label(place, [(f"{number:03d}.jpg", TINTS[number % 3]) for number in range(LABELLED)], ["file", "class"])
    return asking(place, curated, program(place, "train", TRAIN, "{snapshot} {predictions} {model}"), ASK)


def program(place: Path, name: str, script: str, arguments: str) -> str:
    """Write a script, and the command that runs it."""
    file = place / f"{name}.py"
    file.write_text(script)
    return f"{shlex.join([sys.executable, str(file)])} {arguments}"


def asking(
    place: Path, curated: Path, command: str, ask: str, arguments: str = "{model} {images} {predictions}"
) -> Any:
    """Settings with both programs."""
    options = {"learn__test_share": 0.3, "learn__min_labels": 30, "learn__command": command}
    asks = program(place, "ask", ask, arguments)
    return settings_for(curated / "source", place / "root", **options, learn__predict_command=asks)


def label(place: Path, named: list[tuple[object, ...]], columns: list[str]) -> None:
    with (place / "labels.csv").open("w", newline="") as lines:
        csv.writer(lines).writerows([columns, *named])
    import_labels((place / "root").as_uri(), str(place / "labels.csv"), "csv", "tints")


def champion(settings: Settings) -> str:
    found = champion_of(read_log(opened(settings)))
    assert found is not None
    return found.batch_id


def unlabelled(settings: Settings) -> dict[str, int]:
    """Every sample without a label, and the number of its picture."""
    sql = "SELECT sample_id, source_uri FROM kept WHERE sample_id NOT IN (SELECT sample_id FROM labels)"
    return {row["sample_id"]: int(Path(row["source_uri"]).stem) for row in rows(settings, sql)}


def without_asking(settings: Settings) -> Settings:
    return settings.model_copy(update={"learn": settings.learn.model_copy(update={"predict_command": None})})


def test_learn__the_champion_of_a_program_predicts_the_pool(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "SHARD", 8)
    summary = learn(settings)
    pictures = unlabelled(settings)
    assert summary.counts["predicted"] == len(pictures) == SAMPLES - LABELLED
    assert not any("learn.predict_command" in hint for hint in summary.hints)
    config = read_config(opened(settings), champion(settings))
    assert config.files == ["tints/centres.json"]
    assert settings.learn.predict_command not in config.model_dump_json()
    for row in rows(settings, "SELECT * FROM predictions"):
        value = json.loads(row["value"])
        shares = value["probabilities"]
        assert row["model_version"] == config.version
        assert max(shares, key=lambda name: shares[name]) == TINTS[pictures.pop(row["sample_id"]) % 3]
        unsure = uncertainty(value, len(TINTS))
        assert {name: row[name] for name in unsure} == pytest.approx(unsure, abs=1e-6)
    assert not pictures
    before = versions(settings)
    assert not anything_to_learn(opened(settings), settings.learn)
    assert learn(settings).counts == {}
    assert versions(settings) == before


def test_learn__boxes_that_a_program_finds_in_the_pool_are_of_the_original(place: Path, curated: Path) -> None:
    boxes = [(f"{number:03d}.jpg", TINTS[number % 3], 40, 40, 200, 100) for number in range(LABELLED)]
    label(place, boxes, ["file", "class", "x", "y", "width", "height"])
    command = program(place, "train", TRAIN_BOXES, "{snapshot} {predictions}")
    settings = asking(place, curated, command, ASK_BOXES, "{images} {predictions}")
    learn(settings)
    found = rows(settings, "SELECT value, least_confidence FROM predictions")
    assert len(found) == len(unlabelled(settings)) == SAMPLES - LABELLED
    box = {name: size * SCALE for name, size in {"x": 10, "y": 5, "width": 20, "height": 30}.items()}
    for row in found:
        (predicted,) = json.loads(row["value"])["boxes"]
        assert {name: predicted[name] for name in box} == box
        assert predicted["class"] == "green"
        assert row["least_confidence"] == pytest.approx(1 - max(predicted["score"], 1 - predicted["score"]))


def test_learn__without_a_program_that_asks_it_is_told_and_a_later_one_finds_the_model(settings: Settings) -> None:
    summary = learn(without_asking(settings))
    assert [hint for hint in summary.hints if "learn.predict_command" in hint and "winnow predictions import" in hint]
    assert rows(settings, "SELECT 1 FROM predictions") == []
    assert not anything_to_learn(opened(settings), without_asking(settings).learn)
    version = champion(settings)
    assert anything_to_learn(opened(settings), settings.learn)
    assert learn(settings).counts["predicted"] == SAMPLES - LABELLED
    assert champion(settings) == version


def test_learn__a_mended_script_is_trained_anew(settings: Settings, place: Path) -> None:
    learn(without_asking(settings))
    first = champion(settings)
    (place / "train.py").write_text(TRAIN + "\n# mended\n")
    assert anything_to_learn(opened(settings), without_asking(settings).learn)
    learn(settings)
    assert champion(settings) != first
    assert champion(settings).startswith("snapshot-1-")


WRONG = {
    ASK.replace('"probabilities"', '"boxes"'): "line 1 of its predictions is none",
    ASK.replace("[told(centres,", "[told({'pink': centres['red']},"): "'pink' is none of the classes",
    ASK.replace("file.stem", "file.name"): r"\.jpg' is none of the samples",
    ASK.replace("images.iterdir()", "list(images.iterdir())[1:]"): "predicted 7 of 8 samples",
    "": "wrote no predictions",
    "import sys; sys.exit('no GPU here')": "failed with exit code 1: no GPU here",
}
"""Programs that ask, and what is said of each."""


def test_learn__what_the_asking_program_does_wrong_is_told_and_nothing_is_written(
    settings: Settings, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "SHARD", 8)
    for script, words in WRONG.items():
        (place / "ask.py").write_text(script)
        with pytest.raises(WinnowError, match=rf"^learn\.predict_command.*{words}"):
            learn(settings)
        assert rows(settings, "SELECT 1 FROM predictions") == []
    (place / "ask.py").write_text(ASK)
    assert learn(settings).counts["predicted"] == SAMPLES - LABELLED


@pytest.mark.parametrize("asks", [True, False])
def test_learn__a_champion_of_a_program_is_compared_on_samples_that_are_new_to_it(
    settings: Settings, place: Path, asks: bool
) -> None:
    settings = settings if asks else without_asking(settings)
    learn(settings)
    label(place, [(f"{number:03d}.jpg", TINTS[number % 3]) for number in range(SAMPLES)], ["file", "class"])
    challenger = learn(settings).batches[-1]
    found = read_evaluation(opened(settings), challenger)
    assert found is not None
    assert found["comparison"]["champion"].startswith("snapshot-1-")
    assert found["note"].startswith("Compared on") != asks
