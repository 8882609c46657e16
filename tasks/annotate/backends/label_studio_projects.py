"""Projects of Label Studio: found or made, with the page of the ontology as it is now and a way to the images.

Images come from a folder that both see, or from the bucket by links that Label Studio signs itself. No credentials are
sent there: the server needs its own right to read.
"""

import hashlib
import itertools
import math
import os
from collections.abc import Callable
from typing import Any

from tasks.annotate.http import Server, Unsure
from tasks.annotate.settings import LabelStudioSettings
from tasks.labels.formats.label_studio_config import as_config, as_instructions, keeping_controls
from tasks.labels.ontology import Ontology
from tasks.store.errors import UsageError
from tasks.store.root import Root
from tasks.store.storage import in_bucket, to_key, to_path

Project = dict[str, Any]

ATTEMPTS = 5
"""How often something is made anew when it is unknown whether it was made."""

_TITLE_LENGTH = 50
_FOLDER = "handoff"


def open_project(
    server: Server, root: Root, settings: LabelStudioSettings, ontology: Ontology, purpose: str
) -> Project:
    """The project for an ontology and a purpose, made if it is missing, brought up to date if it is not.

    Raises:
        UsageError: the server refuses it, or cannot read the images.
    """
    page = {
        "label_config": as_config(ontology, asks=purpose == "review"),
        "expert_instruction": as_instructions(ontology),
    }
    title = project_title(settings.prefix, ontology.name, purpose)
    made = _project(title, page, settings, purpose)
    project: Project = _make_once(
        server, lambda: _titled(server, settings.prefix, {title: purpose}).get(purpose), "/api/projects/", made
    )
    page["label_config"] = keeping_controls(page["label_config"], project["label_config"])
    changed = {name: one for name, one in page.items() if project[name] != one}
    if changed:
        server.ask("PATCH", f"/api/projects/{project['id']}/", json=changed)
    _show_images(server, root, settings, project["id"])
    _order_by_priority(server, project["id"])
    return project


def find_projects(server: Server, prefix: str, ontology: Ontology) -> dict[str, Project]:
    """By purpose, the projects of an ontology that are there: each change of it may have asked again."""
    purposes = ["label", "review", "blind", *(f"relabel-{version}" for version in range(2, ontology.version + 1))]
    return _titled(server, prefix, {project_title(prefix, ontology.name, purpose): purpose for purpose in purposes})


def project_title(prefix: str, ontology: str, purpose: str) -> str:
    """The title of a project; names that are too long for one end in a hash."""
    kind = "" if purpose == "label" else f" ({purpose})"
    room = _TITLE_LENGTH - len(f"{prefix}: {kind}")
    if len(ontology) > room:
        ontology = f"{ontology[: room - 7]}~{hashlib.sha256(ontology.encode()).hexdigest()[:6]}"
    return f"{prefix}: {ontology}{kind}"


def show_predictions(server: Server, project: Project, model_version: str) -> None:
    """Begin what people label with the predictions of that model; Label Studio does so of one version a project."""
    if project["model_version"] != model_version:
        server.ask("PATCH", f"/api/projects/{project['id']}/", json={"model_version": model_version})


def image_url(root: Root, image: str) -> str:
    """What a task names. Raises UsageError if the image is not among what the root has handed off."""
    below = image.removeprefix(f"{root.uri}/")
    if not below.startswith(f"{_FOLDER}/"):
        raise UsageError(f"{image} is not in {root.at(_FOLDER)}, which is all that Label Studio is shown.")
    if in_bucket(image):
        bucket, key = to_key(image)
        return f"s3://{bucket}/{key}"
    return f"/data/local-files/?d={below}"


def _project(title: str, page: dict[str, str], settings: LabelStudioSettings, purpose: str) -> Project:
    return page | {
        "title": title,
        "description": "Made by Winnow, which finds it by its title.",
        "show_instruction": bool(page["expert_instruction"]),
        "maximum_annotations": settings.annotators if purpose == "label" else 1,
        "enable_empty_annotation": False,
        "show_collab_predictions": purpose != "blind",
        "sampling": "Sequential sampling",
    }


def _titled(server: Server, prefix: str, names: dict[str, str]) -> dict[str, Project]:
    """Projects, all of one prefix, by the names that stand for their titles; of one title, the oldest."""
    found: dict[str, Project] = {}
    for page in itertools.count(1):
        asked = {"title": f"{prefix}: ", "page": page, "page_size": 100}
        listed = server.ask("GET", "/api/projects/", params=asked)
        if not isinstance(listed, dict) or "results" not in listed:
            raise UsageError(f"What answers at {server.url} is no Label Studio as of 1.23: name its address.")
        for project in listed["results"]:
            name = names.get(project["title"])
            if name and project["id"] < found.get(name, {"id": math.inf})["id"]:
                found[name] = project
        if not listed["next"]:
            break
    return found


def _make_once(server: Server, find: Callable[[], Any], path: str, made: dict[str, Any]) -> Any:
    """What is found, or else made; when it is unknown whether it was made, it is looked for again."""
    attempts = 0
    while not (found := find()):
        try:
            return server.ask("POST", path, again=False, json=made)
        except Unsure:
            attempts += 1
            if attempts == ATTEMPTS:
                raise
    return found


def _order_by_priority(server: Server, project: int) -> None:
    """A tab of the data manager that shows what is worth most first, also of what is pushed later."""
    shown = {
        "title": "Most worth first",
        "ordering": ["-tasks:data.priority"],
        "columnsDisplayType": {"tasks:data.priority": "Number"},
    }
    path = "/api/dm/views/"
    made = {"project": project, "data": shown}
    _make_once(server, lambda: server.ask("GET", path, params={"project": project}), path, made)


def _show_images(server: Server, root: Root, settings: LabelStudioSettings, project: int) -> None:
    kind, place = _storage(root, settings)
    path = f"/api/storages/{kind}"

    def shown() -> list[Any]:
        found = server.ask("GET", path, params={"project": project})
        return [one for one in found if all(one.get(name) == part for name, part in place.items())]

    made = {**place, "project": project, "title": "Winnow", "use_blob_urls": True}
    try:
        _make_once(server, shown, path, made)
    except UsageError as error:
        told = f"It has to be able to read {root.at(_FOLDER)}: see `make label-studio`."
        raise UsageError(f"{error} {told}") from error


def _storage(root: Root, settings: LabelStudioSettings) -> tuple[str, dict[str, Any]]:
    if not in_bucket(root.uri):
        seen = settings.document_root or os.path.realpath(to_path(root.uri))
        return "localfiles", {"path": os.path.join(seen, _FOLDER)}
    from tasks.store import s3

    bucket, key = to_key(root.at(_FOLDER))
    region = s3.lance_options(root.uri)["aws_region"]
    signed = {"presign": True, "presign_ttl": settings.presign_minutes}
    return "s3", {"bucket": bucket, "prefix": key, "region_name": region, **signed}
