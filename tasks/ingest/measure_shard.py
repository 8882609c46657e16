"""The files of one shard, measured: pictures in decoding processes, videos by ffmpeg, whatever their names say."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.image.decode import Undecodable
from tasks.image.isolation import run_isolated
from tasks.ingest.frames import frames_folder
from tasks.ingest.measure_file import A_VIDEO, Job, fetch_ahead, measure_file, rejected
from tasks.ingest.measure_video import A_PICTURE, VideoJob, measure_videos
from tasks.ingest.settings import VideoSettings
from tasks.ingest.sniff import named_like_videos
from tasks.progress import advance
from tasks.store import tables
from tasks.store.reasons import Reject
from tasks.store.root import Root
from tasks.store.schema_video import VIDEOS
from tasks.store.storage import in_bucket
from tasks.store.tombstones import forgotten

Row = dict[str, Any]


@dataclass(frozen=True)
class Measuring:
    """What the files of a shard have in common: root, batch, name of the staging folder, settings and processes."""

    root: Root
    batch: str
    version: str
    settings: dict[str, Any]
    workers: int | None

    def rows(self, planned: pa.Table) -> Iterator[Row]:
        """A row a file, in order. Videos come first, whose rows are small; pictures while their rows are taken."""
        objects = planned.to_pylist()
        is_video = named_like_videos(planned["uri"]).to_pylist()
        videos = self._videos([one for one, named in zip(objects, is_video, strict=True) if named], planned)
        pictures = [one for one in objects if one["object_id"] not in videos]
        measured = self._pictures(pictures, planned)
        for one in objects:
            yield self._unless_forgotten(videos.get(one["object_id"]) or next(measured))

    @cached_property
    def _forgotten(self) -> frozenset[str]:
        return frozenset(forgotten(self.root, "content").to_pylist())

    def _unless_forgotten(self, row: Row) -> Row:
        """Of what was forgotten, not even a thumbnail is staged."""
        if row.get("content_id") not in self._forgotten:
            return row
        known = {name: row[name] for name in ("content_id", "byte_size")}
        return known | rejected(Reject.FORGOTTEN, "")

    def _pictures(self, objects: list[Row], planned: pa.Table) -> Iterator[Row]:
        """A row each, in order; what turns out to be a video is measured as one."""
        if not objects:
            return
        limits = {"max_pixels": self.settings["max_pixels"], "max_cpu_s": self.settings["max_cpu_s"]}
        jobs = [self._job(one) for one in objects]
        ahead = fetch_ahead if any(in_bucket(job.uri) for job in jobs) else None
        waiting = iter(objects)
        for done in run_isolated(measure_file, jobs, workers=self.workers, ahead=ahead, **limits):
            for row, one in zip(done, waiting, strict=False):
                if not isinstance(row, Undecodable) and row["outcome"] == A_VIDEO:
                    yield self._videos([one], planned)[one["object_id"]]
                    continue
                advance("ingest", 1)  # nobody comes back for what stands behind the last row
                yield rejected(row.reason, row.detail) if isinstance(row, Undecodable) else row

    def _videos(self, objects: list[Row], planned: pa.Table) -> dict[str, Row]:
        """Rows by object_id; their frames are staged. What turns out to be a picture is left out."""
        if not objects:
            return {}
        settings = VideoSettings(**self.settings["video"])
        known = _known_videos(self.root, [one["byte_size"] for one in objects]) | self._forgotten
        jobs = [
            VideoJob(
                file=self._job(one),
                root=self.root,
                folder=frames_folder(self.root, self.batch, self.version, one["object_id"]),
                planned=planned.filter(pc.equal(planned["object_id"], one["object_id"])),
                batch=self.batch,
                settings=settings,
                known=known,
            )
            for one in objects
        ]
        rows = {}
        for one, row in zip(objects, measure_videos(jobs, self.workers), strict=True):
            if row["outcome"] != A_PICTURE:
                rows[one["object_id"]] = row
                advance("ingest", 1)
        return rows

    def _job(self, planned: Row) -> Job:
        names = ("max_bytes", "max_pixels", "keep_gps", "timezone")
        return Job(
            **{name: planned[name] for name in ("uri", "version", "byte_size", "deferrals")},
            **{name: self.settings[name] for name in names},
            thumbnail_px=self.root.thumbnail_px,
        )


def _known_videos(root: Root, sizes: list[int]) -> frozenset[str]:
    """Videos in the tables that have one of these sizes, in bytes."""
    dataset = tables.open_table(root, VIDEOS.name)
    if dataset is None:
        return frozenset()
    found = dataset.scanner(columns=["video_id"], filter=pc.field("byte_size").isin(pa.array(sizes, pa.int64())))
    return frozenset(found.to_table()["video_id"].to_pylist())
