"""Ask a second time: doubted labels go to a reviewer, and some accepted ones to somebody who does not see them."""

from collections.abc import Sequence

import pyarrow as pa

from tasks.annotate.backend import Task
from tasks.annotate.place import ontology_for, place_for
from tasks.annotate.settings import HandoffSettings, LabelSettings
from tasks.image.upright import write_upright
from tasks.labels.again import Again
from tasks.store import views
from tasks.store.errors import Unreachable
from tasks.store.root import Root, open_root
from tasks.unit import unit


@unit("send second looks")
def send_again(root: str, settings: LabelSettings, handoff: HandoffSettings, purpose: str, asked: list[Again]) -> int:
    """Send samples to the label server again, in a project of their own; how many are new there.

    Without a server nothing is sent: `winnow labels suspects` lists what is doubtful.

    Args:
        root: URI of the root.
        settings: who labels what.
        handoff: how the images are written that annotators see.
        purpose: `review` or `blind`; what is blind shows neither label nor reason.
        asked: the samples.
    """
    if settings.backend != "label-studio" or not asked:
        return 0
    opened = open_root(root)
    folder = opened.at("handoff", purpose)
    samples = _samples(opened, [one.sample_id for one in asked])
    _write_images(opened, folder, samples, handoff)
    sizes = {row["sample_id"]: row for row in samples.select(["sample_id", "width", "height"]).to_pylist()}
    tasks = [
        Task(
            sample_id=one.sample_id,
            image=f"{folder}/images/{one.sample_id}.jpg",
            width=sizes[one.sample_id]["width"],
            height=sizes[one.sample_id]["height"],
            priority=one.priority,
            purpose=purpose,
            prediction=None if purpose == "blind" else one.value,
            model_version=None if purpose == "blind" or one.value is None else "label",
            note="" if purpose == "blind" else one.note,
        )
        for one in asked
        if one.sample_id in sizes
    ]
    return place_for(opened, settings).push(ontology_for(opened, settings), purpose, tasks).added


def _samples(root: Root, ids: Sequence[str]) -> pa.Table:
    asked = pa.table({"sample_id": pa.array(ids, pa.string())})
    sql = "SELECT sample_id, uri, media, width, height FROM samples SEMI JOIN asked USING (sample_id)"
    return views.connect(root, asked=asked).sql(sql).to_arrow_table()


def _write_images(root: Root, folder: str, samples: pa.Table, settings: HandoffSettings) -> None:
    """Pictures that are not there yet."""
    lacking = [not _is_there(root, f"{folder}/images/{sample}.jpg") for sample in samples["sample_id"].to_pylist()]
    quality = settings.quality if settings.pixels == "original" else None
    missing = samples.filter(pa.array(lacking, pa.bool_()))
    for _ in write_upright(root, f"{folder}/images", missing, quality=quality, max_cpu_s=settings.max_cpu_s):
        pass


def _is_there(root: Root, uri: str) -> bool:
    try:
        root.storage.stat(uri)
    except Unreachable:
        return False
    return True
