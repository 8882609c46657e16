"""Label Studio: its JSON export, one list of tasks with their annotations; holds everything.

Written, it is a list of tasks to import into a project with the page in `config.xml`. Read, of a picture that several
people labelled the ground truth counts, else the newest label; what was skipped does not. `winnow label` collects from
a running server, and tells people apart.
"""

import json
import re
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.labels.formats.files import read_json, the_file
from tasks.labels.formats.fitting import EVERYTHING, Holds
from tasks.labels.formats.label_studio_config import as_config
from tasks.labels.formats.label_studio_results import as_label, as_results
from tasks.labels.formats.picture import Contents, Picture, Wanted
from tasks.labels.ontology import Ontology
from tasks.labels.values import BadLabel, LabelType, canonical, classes, shapes
from tasks.store.errors import UsageError

IMAGES = "images"
HOLDS: dict[LabelType, Holds] = dict.fromkeys(("class", "multilabel", "boxes", "masks"), EVERYTHING)

_LOCAL = "/data/local-files/?d="

_KINDS: dict[str, LabelType] = {"rectanglelabels": "boxes", "polygonlabels": "masks", "brushlabels": "masks"}

_UPLOADED = re.compile(r"/data/upload/\d+/[0-9a-f]{8}-")


def read(place: Path, wanted: Wanted | None = None) -> Contents:
    """Read the file. Raises UsageError if it is another export."""
    path = the_file(place, ".json")
    tasks = read_json(path)
    is_ours = isinstance(tasks, list) and all(
        isinstance(one, dict) and isinstance(one.get("data"), dict) for one in tasks
    )
    if not is_ours:
        raise UsageError(f"{path} is no list of Label Studio's tasks: export it as JSON, not as JSON-MIN.")
    if wanted == "probabilities":
        raise UsageError(f"{path} holds no probabilities: those are read from csv.")
    kind = wanted or _kind(tasks)
    pictures: dict[str, Picture] = {}
    trouble: list[str] = []
    again = 0
    for number, task in enumerate(tasks):
        name = _name(task["data"])
        if name is None or name in pictures:
            trouble.append(f"task {number}: {'its picture had one before' if name else 'it names no picture'}")
            continue
        submitted = _submitted(task)
        again += len(submitted) > 1
        pictures[name] = _picture(name, task["data"], submitted[-1] if submitted else None, kind)
    values = [picture.value for picture in pictures.values() if picture.value is not None]
    names = dict.fromkeys(name for value in values for name in classes(value))
    stated = sum(max(1, len(shapes(value))) for value in values)
    notes = [f"{again:,} pictures were labelled more than once: the ground truth, or the newest, was taken"]
    return Contents(kind, list(names), list(pictures.values()), stated, trouble, notes if again else [])


def write(folder: Path, pictures: Sequence[Picture], ontology: Ontology) -> None:
    """Write `tasks.json` and the project's page, `config.xml`."""
    tasks = [_task(picture) for picture in pictures]
    (folder / "tasks.json").write_text(json.dumps(tasks, indent=1, ensure_ascii=False), encoding="utf-8")
    (folder / "config.xml").write_text(as_config(ontology), encoding="utf-8")


def _is_task(one: Any) -> bool:
    return isinstance(one, dict) and isinstance(one.get("data"), dict)


def _task(picture: Picture) -> dict[str, Any]:
    size = picture.width or 1, picture.height or 1
    told = {"image": _LOCAL + urllib.parse.quote(picture.name), "width": picture.width, "height": picture.height}
    return {
        "data": {name: one for name, one in told.items() if one is not None},
        "annotations": [{"result": as_results(picture.value or {}, size)}],
    }


def _kind(tasks: list[dict[str, Any]]) -> LabelType:
    """What was asked for, by what was answered."""
    results = [one for task in tasks for each in _submitted(task) for one in each["result"] if isinstance(one, dict)]
    found = next((_KINDS[one["type"]] for one in results if one.get("type") in _KINDS), None)
    if found:
        return found
    chosen = [one["value"].get("choices") or [] for one in results if isinstance(one.get("value"), dict)]
    return "multilabel" if any(len(choices) > 1 for choices in chosen) else "class"


def _submitted(task: dict[str, Any]) -> list[dict[str, Any]]:
    """Annotations that count, the one that counts most last."""
    made = [
        one
        for one in task.get("annotations") or []
        if isinstance(one, dict) and isinstance(one.get("result"), list) and not one.get("was_cancelled")
    ]
    return sorted(made, key=lambda one: (bool(one.get("ground_truth")), str(one.get("updated_at", ""))))


def _name(about: dict[str, Any]) -> str | None:
    """The sample_id, or the file that the task shows."""
    keys = ("sample_id", "image", "img", "image_url", "url", "file_name")
    key = next((key for key in keys if isinstance(about.get(key), str) and about[key]), None)
    if key is None or key == "sample_id":
        return about[key] if key else None
    shown = str(about[key])
    if _LOCAL in shown:
        return urllib.parse.unquote(shown.partition(_LOCAL)[2])
    if "://" in shown or _UPLOADED.match(shown):
        return _UPLOADED.sub("", urllib.parse.unquote(shown.partition("?")[0]))
    return shown


def _picture(name: str, about: dict[str, Any], annotation: dict[str, Any] | None, kind: LabelType) -> Picture:
    if annotation is None:
        return Picture(name, None)
    results = annotation["result"]
    regions = [one for one in results if isinstance(one, dict) and "original_width" in one]
    width, height = _size(about, "width", "height") or _size(regions[0] if regions else {}) or (None, None)
    try:
        value = canonical(kind, as_label(results, kind, (width, height) if width and height else None))
    except BadLabel as error:
        return Picture(name, None, width, height, trouble=(str(error),))
    return Picture(name, value, width, height)


def _size(told: dict[str, Any], *keys: str) -> tuple[int, int] | None:
    width, height = (told.get(key) for key in keys or ("original_width", "original_height"))
    if isinstance(width, int) and isinstance(height, int) and min(width, height) > 0:
        return width, height
    return None
