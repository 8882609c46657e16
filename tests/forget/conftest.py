"""A root that went all the way: samples, copies, duplicates, a film, labels, a model, a report, exports."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from flows.settings import Settings
from tasks.export.write import export
from tasks.report.page import write_report
from tests.curated import curated, settings
from tests.films import a_film
from tests.made import Maker, jpeg, photograph
from tests.pipeline import curate, label, learn, rows, select, settings_for

__all__ = ["curated", "settings"]

CLASSES = ("red", "green", "blue")
COUNT = 45


@pytest.fixture(scope="session")
def grown_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source and its root, made once."""
    place = tmp_path_factory.mktemp("grown")
    maker = Maker(place / "source")
    for number in range(COUNT):
        scene = photograph(number)
        scene[:, :, number % 3] = 128 + scene[:, :, number % 3] // 2
        scene[:, :, (number + 1) % 3] //= 2
        maker.write(f"cam/{number:03d}-of-somebody.jpg", jpeg(scene))
        maker.write(f"cam/{number:03d}-of-somebody.json", json.dumps({"site": f"s{number % 4}"}).encode())
        if number % 9 == 0:
            maker.write(f"copies/copy-{number:03d}.jpg", jpeg(scene))
            maker.write(f"near/like-{number:03d}.jpg", jpeg(scene, quality=70))
    maker.write("cam/film.mp4", a_film(3))
    with (place / "labels.csv").open("w", newline="") as lines:
        named = [(f"{number:03d}-of-somebody.jpg", CLASSES[number % 3]) for number in range(COUNT)]
        csv.writer(lines).writerows([("file", "label"), *named])
    settings = grown_settings(place, place / "root")
    curate(settings)
    select(settings)
    label(settings)
    learn(settings)
    root = place / "root"
    for form in ("csv", "folders", "webdataset", "label-studio", "cvat"):
        export(settings.root_uri, str(root / "exports" / form), form, None, None, labelled=True)
    export(settings.root_uri, str(root / "exports" / "all"), "fiftyone", None, "true", originals=False)
    export(settings.root_uri, str(root / "exports" / "rows"), "parquet", None, "true", originals=False)
    (root / "returned" / "ann").mkdir(parents=True)
    shutil.copy(place / "labels.csv", root / "returned" / "ann" / "labels.csv")
    shutil.copy(place / "source" / "cam" / "000-of-somebody.jpg", root / "exports" / "under-another-name.jpg")
    write_report(settings.root_uri)
    return place


def grown_settings(place: Path, root: Path) -> Settings:
    """The settings of these runs."""
    learning = {"learn__test_share": 0.3, "learn__min_labels": 20}
    oracle = {"labels__backend": "oracle", "labels__oracle__file": str(place / "labels.csv")}
    sidecars = {"ingest__metadata__sidecar": ".json"}
    return settings_for(place / "source", root, select__budget=40, **learning, **oracle, **sidecars)


@pytest.fixture
def grown(grown_once: Path, tmp_path: Path) -> Settings:
    """Settings of such a root, of this test alone."""
    shutil.copytree(grown_once / "root", tmp_path / "root")
    return grown_settings(grown_once, tmp_path / "root")


def some_samples(settings: Settings, count: int) -> tuple[str, ...]:
    """Stills, the first of them with a copy."""
    sql = "SELECT sample_id FROM samples WHERE media = 'image' AND source_uri LIKE '%somebody%' ORDER BY source_uri"
    return tuple(row["sample_id"] for row in rows(settings, sql)[:count])
