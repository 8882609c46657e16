"""What a place where people label has to be able to do. Each is one file in tasks/annotate/backends/."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from tasks.labels.ontology import Ontology
from tasks.labels.values import Value


@dataclass(frozen=True)
class Task:
    """One sample to label.

    Attributes:
        sample_id: the key of everything.
        image: URI of an upright JPEG in the hand-off folder.
        width, height: pixels of the upright original, in which shapes are told.
        priority: 0 to 1, the highest first.
        reason: why it was picked, in words.
        purpose: `label`, `review` or `blind`: each is a project of its own.
        prediction: what a model says, as a start; None for none.
        model_version: which model.
        package: work package, and when it is due.
        due: day by which it should be done.
        note: what a reviewer is asked.
    """

    sample_id: str
    image: str
    width: int
    height: int
    priority: float = 0.0
    reason: str = ""
    purpose: str = "label"
    prediction: Value | None = None
    model_version: str | None = None
    package: str | None = None
    due: str | None = None
    note: str = ""


@dataclass(frozen=True)
class Answer:
    """What somebody answered.

    Attributes:
        sample_id: the sample.
        annotator: who, as the place calls them.
        value: in the form of tasks/labels/values.py, not checked yet; None if it was deleted.
        reference: what it is there, without a time: server, project and annotation.
        changed_at: when it was made or changed last.
        seconds: of the annotator's time.
        purpose: what the task was for.
        trouble: why it cannot be read, if so; its value is None then.
    """

    sample_id: str
    annotator: str
    value: Value | None
    reference: str
    changed_at: datetime
    seconds: float | None = None
    purpose: str = "label"
    trouble: str | None = None


@dataclass(frozen=True)
class Pushed:
    """How many tasks are new there, how many were there already, and where people find them."""

    added: int
    known: int
    place: str


class Backend(Protocol):
    """A place where people label. Everything is keyed by sample_id; pushing again adds only what is missing."""

    origin: Literal["human", "oracle"]

    def push(self, ontology: Ontology, purpose: str, tasks: Iterable[Task]) -> Pushed:
        """Bring tasks there. Raises WinnowError if the place does not answer, UsageError if it refuses."""

    def collect(self, ontology: Ontology, since: datetime | None) -> Iterator[Answer]:
        """What was answered or changed since then (all of it, if None); an answer may come more than once."""

    def deleted(self, ontology: Ontology, collected: set[str]) -> set[str]:
        """Which of the references collected before are no longer there, as far as the place can tell.

        What was cleared away with its whole project stays a label: nobody took the answer back.
        """

    def forget(self, ontologies: Iterable[Ontology], samples: Collection[str]) -> int:
        """Remove all that is there of some samples; of how many tasks. Raises WinnowError if it does not answer."""

    def check(self) -> dict[str, Any]:
        """What `winnow doctor` tells of it."""
