"""Templates and values: typed carefully, hostile ones cleaned, places dropped."""

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.ingest.metadata.joined import read_joined
from tasks.ingest.metadata.settings import MetadataSettings
from tasks.ingest.metadata.template import compile_template
from tasks.ingest.metadata.values import Rules, read_values

RULES = Rules({}, frozenset(), keep_gps=False, zone="Europe/Berlin")


@pytest.mark.parametrize(
    ("template", "path", "parts"),
    [
        ("{site}/{sensor_id}/**", "n/cam-3/2026/05/a.jpg", {"site": "n", "sensor_id": "cam-3"}),
        ("{site}/{...}", "n/a/b.jpg", {"site": "n"}),
        ("**/{line:int}/*.jpg", "a/b/12/x.jpg", {"line": "12"}),
        ("**/{line:int}/*.jpg", "12/x.jpg", {"line": "12"}),
        ("{cam}_{n:int}.jpg", "left_front_0007.jpg", {"cam": "left_front", "n": "0007"}),
        ("day={day:date}/*", "day=2026-05-04/a b\n.jpg", {"day": "2026-05-04"}),
        ("{n:int}/*", "many/a.jpg", {"n": "many"}),
        ("{site}/*", "a/b/c.jpg", None),
        ("a.b/{x}", "a-b/c", None),
    ],
)
def test_template__reads_parts_of_a_path(template: str, path: str, parts: Any) -> None:
    assert compile_template(template).read(path) == parts


@pytest.mark.parametrize(
    ("template", "words"),
    [("{site", "no {name}"), ("{a b}/x", "no {name}"), ("{a:colour}", "names no type"), ("{a}/{a}", "there twice"),
     ("a/b", "names nothing"), ("**/{a}/**", "once")],
)  # fmt: skip
def test_template__that_cannot_be_right(template: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        MetadataSettings(path=template)


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", 12), ("-1.5", -1.5), ("007", "007"), ("1e3", 1000.0), ("1e999", "1e999"), ("TRUE", True), ("+5", "+5"),
     ("1_000", "1_000"), ("nan", "nan"), ("2026-05-04", "2026-05-04"), ("٣", "٣"), ("1٣", "1٣"),
     ("9" * 30, float("9" * 30))],
)  # fmt: skip
def test_read_values__guesses_carefully(text: str, value: Any) -> None:
    assert read_values({"a": text}, RULES, guess=True) == ({"a": value}, [])


@pytest.mark.parametrize(
    ("kind", "found", "value"),
    [
        ("int", "007", 7), ("int", 3.0, 3), ("int", "3.5", None), ("int", True, None), ("float", "2", 2.0),
        ("float", "inf", None), ("bool", "yes", True), ("bool", "maybe", None), ("text", 7, "7"), ("text", {}, None),
        ("date", "20260504", "2026-05-04"), ("date", "2026-02-30", None), ("date", 5, None),
        ("time", "2026-07-01 08:00", "2026-07-01T06:00:00+00:00"), ("time", "08:00", None),
        ("time", datetime(2026, 7, 1, 8), "2026-07-01T06:00:00+00:00"), ("time", "0001-01-01T00:00+09:00", None),
    ],
)  # fmt: skip
def test_read_values__of_a_stated_type(kind: Any, found: Any, value: Any) -> None:
    values, wrong = read_values({"a": found}, Rules({"a": kind}, frozenset("a"), False, "Europe/Berlin"), guess=False)
    assert values.get("a") == value
    assert type(values.get("a")) is type(value)
    assert bool(wrong) == (value is None)
    assert all(words.startswith("a is ") and f"no {kind}" in words for words in wrong)


def test_read_values__reserved_names() -> None:
    keep = Rules({}, frozenset(), True, "UTC")
    said = {"sensor_id": 7, "captured_at": "2026-05-04T01:00:00Z", "lat": "91", "lon": "12.5", "date": "2026-05-03"}
    assert read_values(said, keep, guess=False) == (
        {"sensor_id": "7", "captured_at": "2026-05-04T01:00:00+00:00", "lon": 12.5, "date": "2026-05-03",
         "captured_on": "2026-05-03T00:00:00+00:00"},
        ["lat is '91', which is no float"],
    )  # fmt: skip
    assert read_values({"captured_at": "2026-05-03"}, keep, guess=True)[0] == {
        "captured_on": "2026-05-03T00:00:00+00:00"
    }


@pytest.mark.parametrize(
    ("key", "kept"),
    [("lat", False), ("GPSLatitude", False), ("gps_time", False), ("startLat", False), ("Location", False),
     ("geo.lon", False), ("camera LONGITUDE", False), ("XMP:GPSPosition", False), ("lng", False), ("long", False),
     ("latency_ms", True), ("flat", True), ("longest_edge", True), ("long_exposure", True), ("platform", True)],
)  # fmt: skip
def test_read_values__drops_what_tells_a_place(key: str, kept: bool) -> None:
    inner = {"deep": [{key: 1}], "other": 2}
    dropped = {"deep": [{}], "other": 2}
    assert read_values({key: 1, "in": inner}, RULES, guess=False)[0] == (
        {key: 1, "in": inner} if kept else {"in": dropped}
    )
    assert read_values({key: 1}, Rules({}, frozenset(), True, "UTC"), guess=False)[0] == {key: 1}


def test_read_values__keeps_what_the_settings_name() -> None:
    wanted = Rules({}, frozenset({"location", "lat"}), keep_gps=False, zone="UTC")
    assert read_values({"location": "hall 3", "lat": 5}, wanted, guess=False)[0] == {"location": "hall 3"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["a", "sensor_id", "captured_at", "date", "lat"]) | st.text(), json_values))
def test_read_values__anything_becomes_json_that_sql_can_read(said: dict[str, Any]) -> None:
    import duckdb

    values, _ = read_values(said, Rules({"a": "time"}, frozenset(), True, "UTC"), guess=True)
    text = json.dumps(values, allow_nan=False)
    assert duckdb.execute("SELECT json_merge_patch('{}', ?)->>'$.x'", [text]).fetchall()


def test_joined__columns_are_typed_whole_and_the_last_row_of_a_name_counts(tmp_path: Any) -> None:
    place = tmp_path / "t.csv"
    place.write_text(
        '\ufeffn;File;code;when;ok;note\n1;a.jpg;007;2026-05-04;True;"two\nlines; yes"\n2;./x/b c.jpg;12;;false;\n'
        "3;file:///d/c%20d.jpg;1;;TRUE;NA\n4;a.jpg;8;;true;last\n"
    )
    joined = read_joined(str(place), None)
    uris = ["file:///s/a.jpg", "file:///s/x/b%20c.jpg", "file:///d/c%20d.jpg", "file:///s/none.jpg"]
    places = joined.find(uris, ["a.jpg", "x/b c.jpg", "d/c d.jpg", "none.jpg"])
    assert joined.of(places) == [
        {"n": 4, "code": "8", "when": None, "ok": True, "note": "last"},
        {"n": 2, "code": "12", "when": None, "ok": False, "note": None},
        {"n": 3, "code": "1", "when": None, "ok": True, "note": None},
        {},
    ]
