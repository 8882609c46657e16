"""What path, sidecar and joined file say, before and after the image came; of one key the later is believed."""

import json
from pathlib import Path

import pytest

from tasks.ingest.metadata.catch_up import import_joined
from tasks.report.status import status
from tasks.select.tag import matching_samples
from tasks.store.errors import UsageError
from tasks.store.plans import read_plan
from tasks.store.root import open_root
from tests.buckets import Buckets
from tests.ingest.metadata.taken_in import findings, planned, rows, settings_of, take_in, told, versions
from tests.made import Maker, jpeg, photograph

PATH = "{site}/{sensor_id}/{date:date}/*"


def write(place: Path, text: str) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    return place


def test_path__gives_columns_and_metadata_and_what_does_not_match_is_a_finding(maker: Maker, tmp_path: Path) -> None:
    maker.photographs(1, folder="north/cam-03/2026-05-04")
    maker.photographs(1, first=1, folder="south/007/2026-05-05")
    maker.photographs(1, first=2, folder="elsewhere")
    settings = settings_of(maker.folder, tmp_path / "root", path=PATH, timezone="Asia/Tokyo")
    take_in(settings)
    assert told(settings) == {
        "00000.jpg": ("cam-03", {"site": "north", "date": "2026-05-04"}, "03 15:00"),
        "00001.jpg": ("007", {"site": "south", "date": "2026-05-05"}, "04 15:00"),
        "00002.jpg": (None, {}, None),
    }
    assert findings(settings) == [("metadata_missing", "00002.jpg", f"the path does not look like {PATH}", "open")]
    assert status(open_root(settings.root_uri), "")["findings"] == {"metadata_missing": 1}
    assert matching_samples(open_root(settings.root_uri), "metadata->>'$.site' = 'north'") == [
        row["sample_id"] for row in rows(settings, "SELECT sample_id FROM samples WHERE sensor_id = 'cam-03'")
    ]
    assert rows(settings, "SELECT count(*) AS n FROM findings JOIN samples USING (sample_id)") == [{"n": 1}]
    assert rows(settings, "SELECT metadata->>'$.site' AS site FROM objects WHERE sensor_id = '007'") == [
        {"site": "south"}
    ]
    assert "metadata" not in versions(settings)


def test_precedence__join_before_sidecar_before_path_before_exif_and_a_day_last(data: Path, maker: Maker) -> None:
    camera = (data / "exif" / "samples" / "jpg" / "Canon_40D.jpg").read_bytes()
    for place in ("p/cam-1/2026-05-04/exif.jpg", "p/cam-1/2026-05-04/all.jpg", "other/only-exif.jpg"):
        maker.write(place, camera + place.encode())  # other bytes, the same picture
    write(
        maker.folder / "p/cam-1/2026-05-04/all.jpg.json",
        json.dumps({"sensor_id": "side", "captured_at": "2026-01-02T03:04:05+01:00", "make": "S", "site": "s", "n": 1}),
    )
    table = write(maker.folder.parent / "t.csv", "file,sensor_id,site,n\nall.jpg,join,j,2\n")
    settings = settings_of(maker.folder, maker.folder.parent / "root", path=PATH, sidecar=".json", join=str(table))
    take_in(settings)
    own = {name: value for name, value in told(settings)["only-exif.jpg"][1].items() if name != "make"}
    assert told(settings)["only-exif.jpg"][::2] == ("Canon EOS 40D", "30 15:56")
    assert told(settings)["exif.jpg"] == (
        "cam-1", {**own, "make": "Canon", "site": "p", "date": "2026-05-04"}, "30 15:56"
    )  # fmt: skip
    everything = {**own, "make": "S", "site": "j", "n": 2, "date": "2026-05-04"}
    assert told(settings)["all.jpg"] == ("join", everything, "02 02:04")
    assert told(settings, "objects")["all.jpg"] == ("join", everything, None)


def test_later__sidecar_and_join_are_taken_without_reading_the_image_again(maker: Maker, tmp_path: Path) -> None:
    first, second = maker.photographs(2, folder="north/cam-1/2026-05-04")
    write(tmp_path / "t.csv", "file,weather,heat\n")
    settings = settings_of(maker.folder, tmp_path / "root", path=PATH, sidecar=".json", join=str(tmp_path / "t.csv"))
    take_in(settings)
    assert [kind for kind, *_ in findings(settings)] == ["metadata_missing"] * 4
    write(second.with_suffix(".json"), '{"weather": "rain", "sensor_id": "cam-9", "wind": 3}')
    write(tmp_path / "t.csv", f"file,weather,heat\n{first.relative_to(maker.folder)},sun,21.5\n{second.name},fog,7\n")
    assert take_in(settings).new == 0
    day = {"site": "north", "date": "2026-05-04"}
    assert told(settings) == {
        first.name: ("cam-1", {**day, "weather": "sun", "heat": 21.5}, "04 00:00"),
        second.name: ("cam-9", {**day, "weather": "fog", "heat": 7.0, "wind": 3}, "04 00:00"),
    }
    assert [(file, status) for _, file, wrong, status in findings(settings) if "sidecar" in wrong] == [
        (first.name, "open"), (second.name, "settled")
    ]  # fmt: skip
    assert {status for *_, wrong, status in findings(settings) if "names it" in wrong} == {"settled"}
    write(second.with_suffix(".json"), '{"weather": "snow"}')
    take_in(settings)
    assert told(settings)[second.name] == ("cam-1", {**day, "weather": "fog", "heat": 7.0}, "04 00:00")


def test_again__makes_no_version_and_reads_only_what_changed(
    maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in maker.photographs(3, folder="north/cam-1/2026-05-04"):
        write(place.with_suffix(".json"), '{"wind": 3}')
    table = write(tmp_path / "t.csv", "file,heat\n" + "".join(f"{n:05d}.jpg,{n}\n" for n in range(3)))
    settings = settings_of(maker.folder, tmp_path / "root", path=PATH, sidecar=".json", join=str(table))
    take_in(settings)
    planned(settings)
    before, at = versions(settings), rows(settings, "SELECT max(revision) AS r, count(*) AS n FROM metadata")
    from tasks.ingest.metadata import catch_up, describe, joined, sidecars

    with monkeypatch.context() as patch:
        for module, name in ((joined, "_table"), (sidecars, "_read")):
            patch.setattr(module, name, lambda *_: pytest.fail("it was read again"))
        planned(settings)
    assert versions(settings) == before
    asked: list[str] = []
    real = describe.Describer.accounts
    with monkeypatch.context() as patch:
        patch.setattr(
            describe.Describer, "accounts", lambda self, uris, **how: (asked.extend(uris), real(self, uris, **how))[1]
        )
        write(table, table.read_text() + "00001.jpg,40\nnobody.jpg,1\n")
        planned(settings)
    assert [uri[-9:] for uri in asked] == ["00001.jpg"]
    assert told(settings)["00001.jpg"][1]["heat"] == 40
    assert catch_up.known_of(open_root(settings.root_uri), asked)[asked[0]].revision == 1
    assert at == [{"r": 0, "n": 3}]


def test_template__that_is_new_describes_what_is_known(maker: Maker, tmp_path: Path) -> None:
    maker.photographs(2, folder="north/cam-1/2026-05-04")
    take_in(settings_of(maker.folder, tmp_path / "root"))
    settings = settings_of(maker.folder, tmp_path / "root", path="{site}/{sensor_id}/**")
    take_in(settings)
    assert told(settings)["00001.jpg"] == ("cam-1", {"site": "north"}, None)
    before = versions(settings)
    take_in(settings)
    assert versions(settings) == before
    take_in(settings_of(maker.folder, tmp_path / "root", path="{place}/{sensor_id}/{date}/*"))
    assert told(settings)["00001.jpg"] == ("cam-1", {"place": "north", "date": "2026-05-04"}, "04 00:00")


def test_open_plan__what_was_said_since_is_not_overwritten_by_its_commit(maker: Maker, tmp_path: Path) -> None:
    maker.photographs(1)
    table = write(tmp_path / "t.csv", "file,heat\n00000.jpg,1\n")
    settings = settings_of(maker.folder, tmp_path / "root", join=str(table))
    planned(settings)
    write(table, "file,heat\n00000.jpg,200\n")
    take_in(settings)
    assert told(settings)["00000.jpg"][1] == {"heat": 200}


def test_import__joins_once_and_changes_nothing_the_second_time(maker: Maker, tmp_path: Path) -> None:
    maker.photographs(2)
    settings = settings_of(maker.folder, tmp_path / "root")
    take_in(settings)
    root, table = open_root(settings.root_uri), write(tmp_path / "late.csv", "name;crop\n00001.jpg;maize\nx.jpg;rye\n")
    assert import_joined(root, str(table), None, settings.ingest, "") == (1, 1)
    assert import_joined(root, str(table), None, settings.ingest, "") == (1, 0)
    assert told(settings)["00001.jpg"][1] == {"crop": "maize"}
    with pytest.raises(UsageError, match="names none"):
        import_joined(root, str(write(tmp_path / "o.csv", "name,a\nq.jpg,1\n")), None, settings.ingest, "")


def test_sidecar__that_is_broken_is_a_finding_until_it_is_mended(maker: Maker, tmp_path: Path) -> None:
    broken = {
        "no JSON": b'{"a": ', "no names and values": b"[1]", "bytes, more than": b'{"a": "' + b"x" * 70_000 + b'"}',
        "is no JSON": b"[" * 60_000,
        "which is no": b'{"captured_at": "noon", "deep": ' + b'{"a":' * 40 + b"1" + b"}" * 41,
        "codec": b'{"a": "\xff"}',
    }  # fmt: skip
    for place, content in zip(maker.photographs(len(broken)), broken.values(), strict=True):
        place.with_suffix(".json").write_bytes(content)
    maker.photographs(1, first=50)[0].with_suffix(".json").write_text(r'{"half": "\ud800", "bell\u0007": "\u0000x"}')
    settings = settings_of(maker.folder, tmp_path / "root", sidecar=".json")
    assert take_in(settings).new == len(broken) + 1
    wrong = [(kind, words) for kind, _, words, status in findings(settings) if status == "open"]
    assert {kind for kind, _ in wrong} == {"metadata_invalid"}
    for words in broken:
        assert any(words in told for _, told in wrong), words
    assert told(settings)["00050.jpg"][1] == {"half": "?", "bell": "x"}
    assert rows(settings, "SELECT count(metadata->>'$.half') AS n FROM samples") == [{"n": 1}]
    before = versions(settings)
    take_in(settings)
    assert versions(settings) == before
    write(maker.folder / "cam/00000.json", '{"a": 1}')
    take_in(settings)
    assert [file for _, file, _, status in findings(settings) if status == "settled"] == ["00000.jpg"]


def test_reject__has_its_metadata_too(maker: Maker, tmp_path: Path) -> None:
    maker.write("north/cam-1/2026-05-04/broken.jpg", b"\xff\xd8 no")
    settings = settings_of(maker.folder, tmp_path / "root", path=PATH, types={"site": "text"})
    take_in(settings)
    assert rows(settings, "SELECT outcome, sensor_id, metadata FROM objects") == [
        {"outcome": "reject", "sensor_id": "cam-1", "metadata": '{"site": "north", "date": "2026-05-04"}'}
    ]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.csv", "file,a\n1,2,3\n", "no CSV in UTF-8"),
        ("t.csv", "picture,a\n1,2\n", "no column file or file_name"),
        ("t.csv", "file,a,a\n1,2,3\n", "two columns of one name"),
        ("t.csv", "", "no CSV in UTF-8"),
        ("t.parquet", "file,a\n", "no Parquet"),
        ("gone.csv", None, "cannot be read"),
    ],
)
def test_join__that_is_broken_is_one_sentence(
    maker: Maker, tmp_path: Path, name: str, content: str | None, words: str
) -> None:
    maker.photographs(1)
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(UsageError, match=words) as error:
        planned(settings_of(maker.folder, tmp_path / "root", join=str(tmp_path / name)))
    assert "\n" not in str(error.value)


def test_plan__mixes_no_values_in_a_batch_and_says_them(maker: Maker, tmp_path: Path) -> None:
    maker.photographs(3, folder="z/cam-1/d")
    maker.photographs(2, first=3, folder="a/cam-2/d")
    maker.photographs(2, first=5, folder="m/cam-1/d")
    maker.photographs(1, first=7, folder="stray")
    write(maker.folder / "stray/00007.json", '{"line": 4}')
    settings = settings_of(maker.folder, tmp_path / "root", path="{site}/{sensor_id}/d/*", sidecar=".json")
    batches = planned(settings, "sensor_id").batches
    said = "SELECT batch_id, list(DISTINCT sensor_id) AS who, count(*) AS n FROM objects GROUP BY batch_id"
    found = {row["batch_id"]: (row["who"], row["n"]) for row in rows(settings, said)}
    assert [found[batch] for batch in batches] == [(["cam-1"], 5), (["cam-2"], 2), ([None], 1)]
    assert planned(settings, "sensor_id").batches == batches
    root = open_root(tmp_path / "other", create=True)
    other = settings_of(maker.folder, tmp_path / "other", path="{site}/{sensor_id}/d/*", sidecar=".json")
    assert [len(read_plan(root, batch)[0]) for batch in planned(other, "line").batches] == [1, 7]
    assert len(planned(settings_of(maker.folder, tmp_path / "third"), "sensor_id").batches) == 1


def test_bucket__path_sidecar_and_join_as_in_a_folder(s3: Buckets, tmp_path: Path) -> None:
    bucket = s3.make()
    s3.put(bucket, "in/north/cam 1/2026-05-04/a.jpg", jpeg(photograph(1)))
    s3.put(bucket, "in/north/cam 1/2026-05-04/a.json", b'{"wind": 3}')
    s3.put(bucket, "t.csv", b"file,heat\nnorth/cam 1/2026-05-04/a.jpg,5\n")
    settings = settings_of(f"{bucket}/in", tmp_path / "root", path=PATH, sidecar=".json", join=f"{bucket}/t.csv")
    take_in(settings)
    s3.put(bucket, "in/north/cam 1/2026-05-04/a.json", b'{"wind": 4}')
    s3.put(bucket, "t.csv", b"file,heat\na.jpg,6\n")
    assert (take_in(settings).new, planned(settings).described) == (0, 0)
    said = {"site": "north", "date": "2026-05-04", "wind": 4, "heat": 6}
    assert told(settings) == {"a.jpg": ("cam 1", said, "04 00:00")}
