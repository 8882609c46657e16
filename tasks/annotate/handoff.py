"""Hand a selection off as files: images, Label Studio tasks, a COCO skeleton, a CSV, all keyed by sample_id."""

import csv
import io
import json
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tasks.annotate.settings import HandoffSettings
from tasks.image.upright import write_upright
from tasks.labels.formats.spreadsheet import unarmed
from tasks.progress import advance
from tasks.store import views
from tasks.store.errors import Unreachable
from tasks.store.log import read_log
from tasks.store.root import Root, open_root
from tasks.store.storage import in_bucket, to_key
from tasks.unit import unit

_COLUMNS = ["uri", "source_uri", "frame_time_s", "width", "height", "captured_at", "sensor_id"]


@dataclass(frozen=True)
class HandedOff:
    """A written hand-off: its folder, how many images it has, and how many of them are only thumbnails."""

    folder: str
    images: int
    thumbnails: int


@unit("hand off")
def hand_off(root: str, selection: str, settings: HandoffSettings) -> HandedOff:
    """Write the folder of a selection: `<root>/handoff/<selection>/`. Written twice it is the same.

    Images are upright JPEGs without any metadata, so that every tool shows the pixels that labels refer to, and no
    position or serial number leaves. `selection.csv` is written last: where it is, the hand-off is whole.
    """
    opened = open_root(root)
    folder = opened.at("handoff", selection)
    picks = _picks(opened, selection)
    advance("hand off", 0, len(picks))
    quality = settings.quality if settings.pixels == "original" else None
    rows: list[dict[str, Any]] = []
    for written in write_upright(opened, f"{folder}/images", picks, quality=quality, max_cpu_s=settings.max_cpu_s):
        rows += written
        advance("hand off", len(written))
    for name, content in (
        ("label_studio.json", _label_studio(rows, folder)),
        ("coco.json", _coco(rows, selection)),
        ("selection.csv", _csv(rows)),
    ):
        opened.storage.write(f"{folder}/{name}", content)
    return HandedOff(folder, len(rows), sum(row["pixels"] == "thumbnail" for row in rows))


def missing_handoffs(root: Root) -> list[str]:
    """The committed selections whose hand-off was not finished, oldest first."""
    return [name for name in read_log(root).visible("select") if not _is_whole(root, name)]


def _is_whole(root: Root, selection: str) -> bool:
    try:
        root.storage.stat(root.at("handoff", selection, "selection.csv"))
    except Unreachable:
        return False
    return True


def _picks(root: Root, selection: str) -> pa.Table:
    columns = ", ".join(f"s.{name}" for name in _COLUMNS)
    return (
        views.connect(root)
        .sql(
            f"SELECT p.rank, p.sample_id, p.gain, p.reason, s.media, {columns} "
            "FROM selections p JOIN samples s USING (sample_id) WHERE p.selection = ? ORDER BY p.rank",
            params=[selection],
        )
        .to_arrow_table()
    )


def _image(sample_id: str) -> str:
    return f"images/{sample_id}.jpg"


def _label_studio(rows: list[dict[str, Any]], folder: str) -> bytes:
    """Tasks for a Label Studio that serves this folder (LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT), or has the bucket."""
    served_from = f"s3://{'/'.join(to_key(folder))}/" if in_bucket(folder) else "/data/local-files/?d="
    tasks = [
        {
            "data": {
                "image": served_from + _image(row["sample_id"]),
                "sample_id": row["sample_id"],
                "rank": row["rank"],
                "reason": row["reason"],
            }
        }
        for row in rows
    ]
    return json.dumps(tasks, indent=1).encode()


def _coco(rows: list[dict[str, Any]], selection: str) -> bytes:
    """Images without annotations; sizes are those of the files, which are upright."""
    images = [
        {
            "id": row["rank"],
            "file_name": _image(row["sample_id"]),
            "width": row["file_width"],
            "height": row["file_height"],
            "sample_id": row["sample_id"],
        }
        for row in rows
    ]
    skeleton = {"info": {"description": selection}, "images": images, "annotations": [], "categories": []}
    return json.dumps(skeleton, indent=1).encode()


def _csv(rows: list[dict[str, Any]]) -> bytes:
    names = ["rank", "sample_id", "file", "pixels", "reason", "gain", *_COLUMNS[1:]]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(_safe({**row, "file": _image(row["sample_id"])}) for row in rows)
    return text.getvalue().encode("utf-8", "surrogateescape")


def _safe(row: dict[str, Any]) -> dict[str, Any]:
    """A camera's name may be hostile text."""
    return {name: unarmed(value) if isinstance(value, str) else value for name, value in row.items()}
