"""The oracle: a CSV that knows every label answers for people. To try the circle out and to measure it, no more."""

import csv
import os
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Literal

from tasks.annotate.backend import Answer, Pushed, Task
from tasks.annotate.settings import OracleSettings
from tasks.labels.match import match_names
from tasks.labels.ontology import Ontology, ontology_versions
from tasks.store import views
from tasks.store.errors import UsageError
from tasks.store.root import Root

NAME = "oracle"


class Oracle:
    """Answers for every sample that was picked, as soon as it is asked."""

    origin: Literal["human", "oracle"] = "oracle"

    def __init__(self, root: Root, settings: OracleSettings) -> None:
        self.root = root
        self.file = _file(settings)
        self.labels = _labels(self.file)

    def push(self, ontology: Ontology, purpose: str, tasks: Iterable[Task]) -> Pushed:
        """Nothing has to be brought anywhere."""
        return Pushed(0, sum(1 for _ in tasks), self.file)

    def collect(self, ontology: Ontology, since: datetime | None) -> Iterator[Answer]:
        """The labels of all picked samples whose file the CSV names."""
        changed_at = datetime.fromtimestamp(os.stat(self.file).st_mtime, UTC)
        known = {target.sample_id: name for name, target in match_names(self.root, self.labels).found.items()}
        for sample, purpose in self._asked():
            if sample in known:
                label = self.labels[known[sample]]
                value = {"answer": label} if label in ("unusable", "empty") else {"class": label}
                yield Answer(sample, NAME, value, f"{NAME}:{purpose}:{sample}", changed_at, purpose=purpose)

    def deleted(self, ontology: Ontology, collected: set[str]) -> set[str]:
        """An oracle takes nothing back."""
        return set()

    def forget(self, ontologies: Iterable[Ontology], samples: Collection[str]) -> int:
        """The CSV is somebody's own; nothing of the root is in it."""
        return 0

    def check(self) -> dict[str, Any]:
        """Where the labels come from."""
        return {"file": self.file, "labels": len(self.labels)}

    def _asked(self) -> list[tuple[str, str]]:
        """Samples that were picked or have to be labelled again, and those whose label is doubted."""
        sql = """SELECT sample_id, 'label' AS purpose FROM selections
            UNION SELECT sample_id, 'label' FROM standing WHERE status = 'outdated'
            UNION SELECT sample_id, 'review' FROM findings WHERE status = 'open' AND annotation_id IS NOT NULL
            ORDER BY ALL"""
        rows: list[tuple[str, str]] = views.connect(self.root).execute(sql).fetchall()
        return rows


def own_ontology(root: Root, settings: OracleSettings) -> Ontology:
    """An ontology of the classes that the oracle names, and ever named; its next version, not on file yet, if it grew.

    Raises:
        UsageError: it names none, or cannot be read.
    """
    names = sorted(set(_labels(_file(settings)).values()) - {"unusable", "empty"})
    known = ontology_versions(root, NAME)[-1:]
    if not names and not known:
        raise UsageError(f"The labels in {settings.file} name no class.")
    before = known[0].class_names if known else []
    added = [name for name in names if name not in before]
    if known and not added:
        return known[0]
    version = known[0].version + 1 if known else 1
    return Ontology.model_validate(
        {"name": NAME, "type": "class", "version": version, "classes": [*before, *added], "changes": []}
    )


def _file(settings: OracleSettings) -> str:
    if settings.file is None:
        raise UsageError("The oracle needs labels: set labels.oracle.file to a CSV with the columns file and label.")
    return settings.file


def _labels(file: str) -> dict[str, str]:
    """Classes by path or name of the file, or by sample_id."""
    try:
        with open(file, encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeError, csv.Error) as error:
        raise UsageError(f"The labels in {file} cannot be read ({error}).") from error
    if rows and not {"file", "label"} <= set(rows[0]):
        raise UsageError(f"The labels in {file} lack the columns file and label.")
    return {row["file"]: row["label"].strip() for row in rows if row["file"] and (row["label"] or "").strip()}
