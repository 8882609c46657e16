"""Settings: strict, told in plain words, the same from file, environment and command line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from flows.settings import Settings, load_settings
from flows.template import write_template
from tasks.store.errors import UsageError


def test_load_settings__no_file_is_needed() -> None:
    settings = load_settings()
    assert settings.ingest.batch_size == 100_000
    assert settings.gates.min_objects == 50
    assert settings.select.budget == 500


def test_load_settings__file_then_environment_then_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "deep" / "winnow.yaml"
    place.parent.mkdir()
    place.write_text(
        "source: photos\nroot: here\nselect: {budget: 10%}\ningest: {batch_bytes: 2 GB, metadata: {join: t.csv}}\n"
    )
    settings = load_settings(str(place))
    assert settings.ingest.metadata.join == str(tmp_path / "deep" / "t.csv")
    assert settings.source == str(tmp_path / "deep" / "photos")
    assert settings.root == str(tmp_path / "deep" / "here")
    assert settings.ingest.batch_bytes == 2_000_000_000
    monkeypatch.setenv("WINNOW_ROOT", "/elsewhere")
    assert load_settings(str(place)).root == "/elsewhere"
    assert load_settings(str(place), {"root": "/told", "select.budget": "7"}).select.budget == 7


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ({"selekt": {}}, "selekt is no setting"),
        ({1: 2}, "1 is no setting"),
        ({"ingest": {1: 2}}, "ingest.1 is no setting"),
        ({"ingest": {"max_pixel": 3}}, "ingest.max_pixel is no setting"),
        ({"ingest": {"shard_size": 0}}, "ingest.shard_size is 0, but"),
        ({"ingest": {"timezone": "Mars"}}, "there is no time zone 'Mars'"),
        ({"ingest": {"batch_bytes": "many"}}, "ingest.batch_bytes"),
        ({"ingest": {"metadata": {"path": "{site"}}}, "ingest.metadata.path is '{site', but { is no {name}"),
        ({"ingest": {"metadata": {"path": "{a:colour}/**"}}}, "{a:colour} names no type"),
        ({"ingest": {"metadata": {"sidecar": "json"}}}, "an ending with a dot first"),
        ({"ingest": {"metadata": {"types": {"heat": "degrees"}}}}, "ingest.metadata.types.heat is 'degrees'"),
        ({"gates": {"ingested": {"drift": "maybe"}}}, "gates.ingested.drift is 'maybe'"),
        ({"select": {"budget": 0}}, "must be at least 1"),
        ({"select": {"budget": "150%"}}, "a share between"),
        ({"select": {"strategies": []}}, "at least one that picks"),
        ({"select": {"strategies": [{"coverage": {}, "random": {}}]}}, "exactly one of default, coverage"),
        ({"select": {"strategies": [{"coverage": {"radios": 1}}]}}, "radios is no setting"),
        ({"select": {"strategies": [{"threshold": {"column": "sharpness"}}]}}, "at_least, at_most"),
        ({"gates": {"ingested": {"mode": "maybe"}}}, "gates.ingested.mode is 'maybe'"),
        ({"gates": {"ingested": {"max_reject_share": 2}}}, "gates.ingested.max_reject_share is 2"),
        ({"dedupe": {"perceptual": {"max_distance": 300}}}, "dedupe.perceptual.max_distance"),
    ],
)
def test_load_settings__mistakes_in_plain_words(tmp_path: Path, stated: dict[object, object], words: str) -> None:
    place = tmp_path / "winnow.yaml"
    place.write_text(yaml.safe_dump(stated))
    with pytest.raises(UsageError) as told:
        load_settings(str(place))
    assert words in str(told.value)
    assert "\n" not in str(told.value)
    assert "pydantic" not in str(told.value)


def test_load_settings__every_mistake_is_told() -> None:
    with pytest.raises(UsageError, match="2 mistakes"):
        load_settings(None, {"select.budget": -2, "ingest.workers": 0})


@pytest.mark.parametrize(
    ("text", "words"),
    [("[1, 2", "no YAML"), ("source: 2024-13-45", "no YAML"), ("- a", "no names and values"), (None, "cannot be read")],
)
def test_load_settings__files_that_are_none(tmp_path: Path, text: str | None, words: str) -> None:
    place = tmp_path / "winnow.yaml"
    if text is not None:
        place.write_text(text)
    with pytest.raises(UsageError, match=words):
        load_settings(str(place))


def test_settings__places_have_one_uri() -> None:
    settings = Settings(source="file:///data/a b/../photos/", root="file:///data/./my%20root")
    assert (settings.source_uri, settings.root_uri) == ("file:///data/photos", "file:///data/my%20root")


def test_flows__nothing_reports_home() -> None:
    code = (
        "import sys, flows; assert 'tasks' in sys.modules and 'prefect' not in sys.modules\n"
        "import os, flows.curate; print(os.environ['DO_NOT_TRACK'], os.environ['PREFECT_SERVER_ANALYTICS_ENABLED'])"
    )
    env = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DO_NOT_TRACK", "PREFECT_SERVER_ANALYTICS_ENABLED")
    }
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, cwd=Path(__file__).parents[2]
    )
    assert done.stdout == "1 false\n", done.stderr


def test_write_template__uncommented_is_what_the_defaults_are(tmp_path: Path) -> None:
    place = tmp_path / "winnow.yaml"
    write_template(str(place), "photos", "root")
    assert load_settings(str(place)).ingest == Settings().ingest
    lines = [line.removeprefix("# ") for line in place.read_text().splitlines()[1:]]
    stated = yaml.safe_load("\n".join(lines))
    assert Settings(**stated).model_dump(exclude={"source", "root"}) == Settings().model_dump(
        exclude={"source", "root"}
    )


def test_write_template__never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "winnow.yaml").write_text("mine")
    with pytest.raises(UsageError, match="there already"):
        write_template(str(tmp_path / "winnow.yaml"), None, None)
