"""Videos in a source: frames become samples, the video a row, whatever else lies there and whatever they hold."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest

from tasks.gate.settle import discard, release
from tasks.ingest import measure_video
from tasks.ingest.decode_video import Died, decoding
from tasks.ingest.frames import frames_folder
from tasks.ingest.measure_file import Job
from tasks.ingest.measure_video import VideoJob, measure_videos
from tasks.ingest.retry import rejects
from tasks.ingest.settings import VideoSettings
from tasks.ingest.shard import SHARD_VIDEO_BYTES, shard_bounds
from tasks.store import staging
from tasks.store.folder import Folder
from tasks.store.ids import content_id
from tasks.store.root import Root
from tasks.store.storage import to_path, to_uri
from tests.films import a_film, film, remade
from tests.made import Maker, jpeg, photograph
from tests.pipeline import content, curate, doubled_keys, opened, rows, select, settings_for, versions

OUTCOMES = "SELECT regexp_extract(uri, '[^/]+$') AS name, outcome, reason FROM objects ORDER BY name"


def outcomes(settings: Any) -> dict[str, str]:
    return {row["name"]: row["reason"] or row["outcome"] for row in rows(settings, OUTCOMES)}


def mixed(maker: Maker) -> None:
    """Pictures and videos, some under the other's name, a copy, and what is neither."""
    maker.photographs(2)
    maker.write("film.mp4", a_film())
    maker.write("film-again.MP4", a_film())
    maker.write("a film.jpg", a_film()[:-500])
    maker.write("a photograph.mp4", jpeg(photograph(50)))
    maker.write("empty.mov", b"")
    maker.write("noise.mkv", np.random.default_rng(0).bytes(5000))
    whole = remade(maker.folder / "no-index.mp4", maker.folder / "film.mp4", "-c", "copy")
    maker.write("no-index.mp4", whole.read_bytes()[:3000])  # an index comes last unless it is asked for first
    film(maker.folder / "sound.mp4", source="sine", seconds=1)


def test_videos__beside_pictures(maker: Maker, tmp_path: Path) -> None:
    mixed(maker)
    settings = settings_for(maker.folder, tmp_path / "root", ingest__shard_size=4)
    counts = curate(settings).counts
    assert outcomes(settings) == {
        "00000.jpg": "sample", "00001.jpg": "sample", "a%20photograph.mp4": "sample", "a%20film.jpg": "video",
        "film-again.MP4": "video", "film.mp4": "copy", "empty.mov": "empty", "noise.mkv": "not_a_video",
        "no-index.mp4": "damaged", "sound.mp4": "no_video_stream",
    }  # fmt: skip
    assert counts["frames"] == 3 + 2
    assert counts["sample"] + counts["frames"] == counts["kept"] + counts["perceptual"]
    assert rows(settings, "SELECT frames_taken, damage IS NULL AS whole FROM videos ORDER BY ALL") == [
        {"frames_taken": 2, "whole": False}, {"frames_taken": 3, "whole": True}
    ]  # fmt: skip
    before, tables = content(settings), versions(settings)
    assert curate(settings).batches == []
    assert (content(settings), versions(settings)) == (before, tables)


def test_videos__what_a_frame_and_a_video_say(maker: Maker, tmp_path: Path) -> None:
    begun = datetime(2024, 5, 1, 10, tzinfo=UTC)
    tags = {"creation_time": begun.isoformat(), "make": "Acme", "model": "Eye 3", "location": "+52.5200+013.4050/"}
    options = [option for name, value in tags.items() for option in ("-metadata", f"{name}={value}")]
    plain = maker.write("film.mp4", a_film())
    place = remade(maker.folder / "cam" / "tagged.mov", plain, "-c", "copy", "-movflags", "use_metadata_tags", *options)
    plain.unlink()
    settings = settings_for(maker.folder, tmp_path / "root")
    curate(settings)
    video = rows(settings, "SELECT * FROM videos")[0]
    assert (video["uri"], video["codec"], video["fps"], video["frames"]) == (to_uri(place), "h264", 10, 30)
    assert (video["width"], video["height"], video["duration_s"], video["recipe"]) == (64, 48, 3, "interval 1.0 s")
    assert (video["sensor_id"], video["captured_at"]) == ("Acme Eye 3", begun)
    frames = rows(settings, "SELECT * FROM samples ORDER BY frame_time_s")
    assert [frame["frame_time_s"] for frame in frames] == [0, 1, 2]
    for frame in frames:
        assert (frame["media"], frame["video_uri"], frame["source_uri"]) == ("frame", to_uri(place), to_uri(place))
        assert (frame["sequence_id"], frame["sensor_id"], frame["lat"]) == (video["video_id"], "Acme Eye 3", None)
        assert frame["captured_at"] == begun + timedelta(seconds=frame["frame_time_s"])
        assert to_path(frame["uri"]).parent == tmp_path / "root" / "media" / video["video_id"]
        picture = cv2.imread(str(to_path(frame["uri"])))
        assert picture.shape == (frame["height"], frame["width"], 3) == (48, 64, 3)
        assert frame["byte_size"] == to_path(frame["uri"]).stat().st_size
    kept = [path for path in (tmp_path / "root").rglob("*") if path.is_file()]
    spelt = (b"52.52", b"+013.4")
    assert not any(words in path.read_bytes() for path in kept for words in spelt)
    with_gps = settings_for(maker.folder, tmp_path / "other", ingest__keep_gps=True)
    curate(with_gps)
    assert rows(with_gps, "SELECT DISTINCT lat, lon FROM samples") == [{"lat": 52.52, "lon": 13.405}]


def measured(place: Path, root: Root, *, known: frozenset[str] = frozenset(), **settings: Any) -> dict[str, Any]:
    """The row of one video; `staged` are the rows of its frames."""
    entry = Folder().stat(to_uri(place))
    file = Job(entry.uri, entry.version, entry.byte_size, 0, 256, 10**9, 10**8, False, "UTC")
    planned = pa.table({"object_id": ["o"], "said": pa.array([None], pa.string())})
    folder = frames_folder(root, "b", "v", place.parent.name)
    job = VideoJob(file, root, folder, planned, "b", VideoSettings(**settings), known)
    row = next(measure_videos([job], 1))
    staged = list(staging.read_all(root, staging.staged_uris(root, "b", "ingest", "v", "frames", place.parent.name)))
    return {**row, "staged": pa.concat_tables(staged).to_pylist() if staged else []}


def test_measure_video__ids_depend_on_content_time_and_recipe_only(maker: Maker, root: Root) -> None:
    def ids(name: str, **settings: Any) -> dict[float, str]:
        staged = measured(maker.write(f"{name}/film.mp4", a_film()), root, **settings)["staged"]
        return {frame["frame_time_s"]: frame["sample_id"] for frame in staged}

    assert ids("a") == ids("b", quality=50)
    halves = ids("c", every_s=0.5)
    assert set(halves) == {0, 0.5, 1, 1.5, 2, 2.5}
    assert not set(halves.values()) & set(ids("a").values())


def test_measure_video__known_already_is_not_decoded_again(
    maker: Maker, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = maker.write("film.mp4", a_film())
    video_id = content_id(a_film())
    assert measured(place, root)["content_id"] == video_id

    def refuse(*_: Any) -> None:
        raise AssertionError("decoded twice")

    monkeypatch.setattr(measure_video, "decoding", refuse)
    assert measured(place, root, known=frozenset([video_id]))["outcome"] == "copy"


def test_measure_video__frames_are_staged_in_parts(maker: Maker, root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure_video, "PART_ROWS", 2)
    staged = measured(maker.write("a/film.mp4", a_film()), root)["staged"]
    assert [frame["frame_time_s"] for frame in staged] == [0, 1, 2]
    assert len(staging.staged_uris(root, "b", "ingest", "v", "frames", "a")) == 2


@pytest.mark.parametrize(
    ("limit", "reason"), [({"max_frames": 2}, "too_many_frames"), ({"max_bytes": 1000}, "too_large")]
)
def test_measure_video__beyond_a_limit(maker: Maker, root: Root, limit: dict[str, int], reason: str) -> None:
    row = measured(maker.write("film.mp4", a_film()), root, **limit)
    assert (row["outcome"], row["reason"]) == ("reject", reason)


@pytest.mark.parametrize(("deaths", "outcome"), [(1, "video"), (2, "reject")])
def test_measure_video__is_done_once_more_when_its_decoder_dies(
    maker: Maker, root: Root, monkeypatch: pytest.MonkeyPatch, deaths: int, outcome: str
) -> None:
    left = [deaths]

    def dying(*arguments: Any) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            raise Died("SIGKILL")
        return decoding(*arguments)

    monkeypatch.setattr(measure_video, "decoding", dying)
    row = measured(maker.write("film.mp4", a_film()), root)
    assert (row["outcome"], row.get("reason")) == (outcome, "decoder_crash" if outcome == "reject" else None)


def test_measure_video__written_to_while_it_is_read_is_deferred(
    maker: Maker, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = maker.write("film.mp4", a_film())

    def meddling(*arguments: Any) -> Any:
        place.write_bytes(a_film() + b"more")
        return decoding(*arguments)

    monkeypatch.setattr(measure_video, "decoding", meddling)
    row = measured(place, root)
    assert (row["outcome"], row["reason"]) == ("deferred", "changed")


def test_videos__staged_frames_that_were_damaged_are_made_again(maker: Maker, tmp_path: Path) -> None:
    maker.write("film.mp4", a_film())
    settings = settings_for(maker.folder, tmp_path / "root", gates__ingested__mode="approve")
    held = curate(settings).held[0]
    part = next((tmp_path / "root" / "staging" / held / "ingest").glob("*/frames/*/000000.parquet"))
    part.write_bytes(part.read_bytes()[:-100])
    release(opened(settings), held, "fine")
    assert curate(settings).counts["frames"] == 3
    assert doubled_keys(settings) == {}


def test_videos__a_gate_sees_their_frames_as_pictures(maker: Maker, tmp_path: Path) -> None:
    film(maker.folder / "dark.mp4", "-pix_fmt", "yuv420p", source="color=black:s=64x48:r=10", seconds=6)
    settings = settings_for(maker.folder, tmp_path / "root", ingest__video__every_s=0.1, gates__min_objects=50)
    summary = curate(settings)
    assert len(summary.held) == 1
    assert "dark and overexposed" in summary.verdicts[0].why
    assert "accounted" not in summary.verdicts[0].why


def test_videos__discarded_after_ingest_stay_so(maker: Maker, tmp_path: Path) -> None:
    maker.write("film.mp4", a_film())
    maker.write("copy.mp4", a_film())
    settings = settings_for(maker.folder, tmp_path / "root", gates__deduplicated__mode="approve")
    held = curate(settings).held[0]
    discard(opened(settings), held, "the wrong camera")
    assert set(outcomes(settings).values()) == {"discarded"}
    assert rows(settings, "SELECT * FROM videos") == rows(settings, "SELECT * FROM samples") == []
    assert len(rejects(opened(settings), None, None)) == 0


def test_videos__frames_are_selected_and_handed_off(maker: Maker, tmp_path: Path) -> None:
    maker.write("film.mp4", a_film())
    settings = settings_for(maker.folder, tmp_path / "root", select__budget=1)
    curate(settings)
    select(settings)
    folder = tmp_path / "root" / "handoff" / "selection-1"
    image = json.loads((folder / "coco.json").read_text())["images"][0]
    assert (image["width"], image["height"]) == (64, 48)
    assert ",original," in (folder / "selection.csv").read_text()


def test_shard_bounds__videos_weigh_by_their_bytes() -> None:
    most = SHARD_VIDEO_BYTES
    names = ["a.jpg", "b.mp4", "c.MOV", "d.jpg", "e.mp4", "f.jpg", "g.mp4", "h.jpg"]
    sizes = [10 * most, most // 2, most // 2, 1, 1, 1, 2 * most, 1]
    planned = pa.table({"uri": names, "byte_size": sizes})
    assert shard_bounds(planned, 100) == [(0, 4), (4, 2), (6, 2)]
    assert shard_bounds(planned, 3) == [(0, 3), (3, 3), (6, 2)]
    assert shard_bounds(planned.slice(0, 1), 3) == [(0, 1)]
