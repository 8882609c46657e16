"""Send what is to be labelled to the place where people label; sent again, only what is missing is added."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tasks.annotate.backend import Task
from tasks.annotate.place import ontology_for, place_for
from tasks.annotate.settings import LabelSettings
from tasks.labels.champion import MOST_TRUSTED, trusted_models
from tasks.labels.change import apply_ontology
from tasks.labels.ontology import Ontology
from tasks.labels.values import as_value
from tasks.progress import advance
from tasks.store import views
from tasks.store.errors import Unreachable
from tasks.store.log import read_log
from tasks.store.root import Root, open_root
from tasks.store.staging import settings_hash
from tasks.unit import unit


@dataclass(frozen=True)
class Sent:
    """What the place has now: tasks that are new there, tasks that it knew, and where people find them."""

    added: int
    known: int
    place: str


@unit("send tasks")
def send_tasks(root: str, settings: LabelSettings) -> Sent:
    """Send every picked sample that is not labelled yet, and whatever has to be labelled again.

    Raises:
        UsageError: there is no ontology, or the place refuses.
        WinnowError: the place does not answer.
    """
    opened = open_root(root)
    ontology = apply_ontology(opened, ontology_for(opened, settings)).ontology
    tasks = open_tasks(opened, ontology, settings)
    advance("send", 0, len(tasks))
    place, added, known, where = place_for(opened, settings), 0, 0, ""
    for purpose in sorted({task.purpose for task in tasks}):
        pushed = place.push(ontology, purpose, [task for task in tasks if task.purpose == purpose])
        added, known, where = added + pushed.added, known + pushed.known, pushed.place
    advance("send", len(tasks))
    opened.storage.write(_sent_uri(opened), _state(tasks, ontology, settings).encode())
    return Sent(added, known, where)


def anything_to_send(root: Root, settings: LabelSettings) -> bool:
    """Whether other tasks wait for a label than when they were sent last."""
    ontology = ontology_for(root, settings)
    tasks = open_tasks(root, ontology, settings)
    try:
        sent = root.storage.read(_sent_uri(root)).decode()
    except Unreachable:
        sent = ""
    return bool(tasks) and sent != _state(tasks, ontology, settings)


def open_tasks(root: Root, ontology: Ontology, settings: LabelSettings) -> list[Task]:
    """Samples that wait for a label by this ontology, the most valuable first, in work packages."""
    connection = views.connect(root)
    trusted = trusted_models(read_log(root), ontology.name, connection)
    rows = connection.sql(_WAITING, params=[trusted, *[ontology.name] * 2]).to_arrow_table().to_pylist()
    return [_task(root, row, place, len(rows), settings) for place, row in enumerate(rows)]


def _state(tasks: list[Task], ontology: Ontology, settings: LabelSettings) -> str:
    asked = sorted((task.sample_id, task.purpose, task.model_version or "") for task in tasks)
    return settings_hash(asked, ontology.name, ontology.version, settings.model_dump(mode="json"))


def _sent_uri(root: Root) -> str:
    return root.at("handoff", "sent.txt")


def _task(root: Root, row: dict[str, Any], place: int, total: int, settings: LabelSettings) -> Task:
    package = row["place"] // settings.package_size
    due = (row["selected_at"] or datetime.now(UTC)) + timedelta(days=settings.due_days * (package + 1))
    predicted = as_value(row["predicted"]) if settings.prelabels and row["predicted"] else None
    return Task(
        sample_id=row["sample_id"],
        image=root.at("handoff", row["selection"], "images", f"{row['sample_id']}.jpg"),
        width=row["width"],
        height=row["height"],
        priority=1 - place / total,
        reason=row["reason"] or "",
        purpose=f"relabel-{row['outdated']}" if row["outdated"] else "label",
        prediction=predicted,
        model_version=row["model_version"] if predicted else None,
        package=f"{row['selection']}-{package + 1}",
        due=due.date().isoformat(),
    )


_WAITING = f"""
    SELECT s.sample_id, s.width, s.height, p.selection, p.reason, p.created_at AS selected_at, o.outdated,
           row_number() OVER (PARTITION BY p.selection ORDER BY p.rank) - 1 AS place,
           m.value AS predicted, m.model_version
    FROM (SELECT * FROM selections QUALIFY row_number() OVER (PARTITION BY sample_id ORDER BY created_at DESC) = 1) p
    JOIN samples s USING (sample_id)
    LEFT JOIN ({MOST_TRUSTED}) m USING (sample_id)
    LEFT JOIN (
        SELECT sample_id, max(ontology_version) AS outdated FROM standing WHERE ontology = ? AND status = 'outdated'
        GROUP BY sample_id
    ) o USING (sample_id)
    WHERE s.sample_id NOT IN (SELECT sample_id FROM labels WHERE ontology = ?)
    ORDER BY p.created_at, p.rank"""
"""Samples that were picked and have no label, with their rank; and the version of the ontology that asks again."""
