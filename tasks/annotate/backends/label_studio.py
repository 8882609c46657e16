"""Label Studio: a project for each ontology and purpose, its tasks keyed by `data.sample_id`.

What is true is read by asking, on a schedule: a webhook of Label Studio is unsigned, comes once or never, and could at
most say that it is time to ask. Task ids are used again after a deletion, and importing twice makes two tasks, so only
what is missing is imported, and after a request whose fate is unknown it is looked up again what is there.
"""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from tasks.annotate.backend import Answer, Pushed, Task
from tasks.annotate.backends.label_studio_projects import find_projects, open_project, show_predictions
from tasks.annotate.backends.label_studio_tasks import Chunk, Filter, all_tasks
from tasks.annotate.http import Server
from tasks.annotate.settings import LabelStudioSettings
from tasks.labels.formats.label_studio_results import as_label
from tasks.labels.ontology import Ontology
from tasks.labels.values import BadLabel, Value, shapes
from tasks.store.errors import UsageError
from tasks.store.root import Root

CHUNK = 50
"""Tasks looked up and imported at a time: their ids have to fit into one address."""

_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


class LabelStudio:
    """A backend (see tasks/annotate/backend.py).

    Attributes:
        origin: of the answers.
        foreign: tasks that somebody else put into our projects and that the last `collect` passed over.
    """

    origin: Literal["human", "oracle"] = "human"

    def __init__(self, root: Root, settings: LabelStudioSettings) -> None:
        """Nothing is asked yet.

        Args:
            root: whose handed-off images the tasks show.
            settings: where the server is, and how patient to be with it.
        """
        self.foreign = 0
        self._root, self._settings = root, settings
        self._server = Server(
            "Label Studio",
            settings.url,
            self._credentials,
            timeout_s=settings.timeout_s,
            patience_s=settings.patience_s,
        )

    def push(self, ontology: Ontology, purpose: str, tasks: Iterable[Task]) -> Pushed:
        """Import what is missing, the most valuable first, with the model's predictions as pre-labels.

        Tasks that nobody worked on get the prediction of a newer model as well. A blind project gets neither
        predictions nor reasons.
        """
        wanted = sorted({task.sample_id: task for task in tasks}.values(), key=lambda task: -task.priority)
        project = open_project(self._server, self._root, self._settings, ontology, purpose)
        known, predicted = 0, set[str]()
        for start in range(0, len(wanted), CHUNK):
            chunk = Chunk(self._server, self._root, ontology, purpose, project["id"], wanted[start : start + CHUNK])
            known += chunk.push()
            predicted |= chunk.predicted
        if predicted:
            counts = Counter(task.model_version for task in wanted)
            show_predictions(self._server, project, max(predicted, key=lambda version: (counts[version], version)))
        return Pushed(len(wanted) - known, known, f"{self._server.url}/projects/{project['id']}")

    def collect(self, ontology: Ontology, since: datetime | None) -> Iterator[Answer]:
        """Submitted answers of all annotators; not what they skipped, nor drafts."""
        self.foreign = 0
        earliest = since - timedelta(seconds=self._settings.overlap_s) if since else None
        people: dict[int, str] = {}
        for purpose, project in find_projects(self._server, self._settings.prefix, ontology).items():
            people = people or {one["id"]: one["email"] for one in self._server.ask("GET", "/api/users/")}
            for task in all_tasks(self._server, project["id"], _changed(earliest)):
                if not isinstance(task["data"].get("sample_id"), str):
                    self.foreign += 1
                    continue
                for annotation in _submitted(task):
                    answer = _answer(ontology, purpose, project, task["data"], annotation, people)
                    if earliest is None or answer.changed_at >= earliest:
                        yield answer

    def deleted(self, ontology: Ontology, collected: set[str]) -> set[str]:
        """Also what was skipped after it had been answered; a project that is gone as a whole deletes nothing."""
        if not collected:
            return set()
        projects = find_projects(self._server, self._settings.prefix, ontology).values()
        there = {
            _reference(project, annotation)
            for project in projects
            for task in all_tasks(self._server, project["id"], [("total_annotations", "greater", "Number", 0)])
            for annotation in _submitted(task)
        }
        ours = tuple(_reference_prefix(project) for project in projects)
        doubtful = [reference for reference in collected - there if ours and reference.startswith(ours)]
        return {reference for reference in doubtful if self._is_gone(reference)}

    def forget(self, ontologies: Iterable[Ontology], samples: Collection[str]) -> int:
        """Delete their tasks, with all that anybody answered, in the projects of all purposes."""
        ids, gone = sorted(samples), 0
        for ontology in ontologies:
            for project in find_projects(self._server, self._settings.prefix, ontology).values():
                for start in range(0, len(ids), CHUNK):
                    named = [("data.sample_id", "in_list", "String", ids[start : start + CHUNK])]
                    for task in list(all_tasks(self._server, project["id"], named)):
                        self._server.ask("DELETE", f"/api/tasks/{task['id']}/", may_miss=True)
                        gone += 1
        return gone

    def check(self) -> dict[str, Any]:
        """Where it is, its version, and as whom the token works."""
        version = self._server.ask("GET", "/api/version", signed=False)
        user = self._server.ask("GET", "/api/current-user/whoami")
        return {"url": self._server.url, "version": version.get("release"), "user": user.get("email")}

    def _is_gone(self, reference: str) -> bool:
        """Ask for one annotation: what is counted of tasks may lag behind, and a label is not given up for that."""
        number, _, moment = reference.rpartition("/")[2].partition("@")
        found = self._server.ask("GET", f"/api/annotations/{number}/", may_miss=True)
        return found is None or found["was_cancelled"] or _moment(found) != moment

    def _credentials(self, server: Server) -> str:
        """A legacy token is sent as it is, a personal access token is exchanged for one that is good for minutes."""
        token = os.environ.get(self._settings.token_env, "").strip()
        if not token.isascii() or not token.isprintable() or not token or " " in token:
            raise UsageError(
                f"Label Studio needs an access token: copy it from Account & Settings at {server.url} into the "
                f"environment variable {self._settings.token_env}."
            )
        if token.count(".") != 2:
            return f"Token {token}"
        given = server.ask("POST", "/api/token/refresh", signed=False, json={"refresh": token})
        return f"Bearer {given['access']}"


def _changed(since: datetime | None) -> list[Filter]:
    return [("updated_at", "greater_or_equal", "Datetime", since.astimezone(UTC).strftime(_TIME))] if since else []


def _submitted(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (annotation for annotation in task["annotations"] if not annotation["was_cancelled"])


def _answer(
    ontology: Ontology,
    purpose: str,
    project: dict[str, Any],
    about: dict[str, Any],
    annotation: dict[str, Any],
    people: dict[int, str],
) -> Answer:
    value, trouble = None, None
    sides = about.get("width"), about.get("height")
    size = (sides[0], sides[1]) if isinstance(sides[0], int) and isinstance(sides[1], int) else None
    try:
        value = _unscored(as_label(annotation["result"] or [], ontology.type, size))
    except BadLabel as error:
        trouble = str(error)
    who = annotation["completed_by"]
    return Answer(
        sample_id=about["sample_id"],
        annotator=people.get(who) or f"user {who}",
        value=value,
        reference=_reference(project, annotation),
        changed_at=datetime.fromisoformat(annotation["updated_at"]),
        seconds=annotation["lead_time"],
        purpose=purpose,
        trouble=trouble,
    )


def _unscored(value: Value) -> Value:
    """Pre-labels that a person let stand are that person's; how sure the model was is none of them."""
    for shape in shapes(value):
        shape.pop("score", None)
    return value


def _reference(project: dict[str, Any], annotation: dict[str, Any]) -> str:
    """With the moment when it was made: Label Studio uses ids again, and the address of a server may change."""
    return f"{_reference_prefix(project)}{annotation['id']}@{_moment(annotation)}"


def _reference_prefix(project: dict[str, Any]) -> str:
    return f"label-studio/{project['id']}@{_moment(project)}/"


def _moment(made: dict[str, Any]) -> str:
    return datetime.fromisoformat(made["created_at"]).astimezone(UTC).isoformat()
