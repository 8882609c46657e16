"""What is new: an answer that was taken back is deleted once, also while the round that says so is held."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Literal

from tasks.annotate.backend import Answer, Pushed, Task
from tasks.annotate.fresh import STAGE, Fresh
from tasks.labels.change import apply_ontology
from tasks.labels.ontology import Ontology
from tasks.labels.rows import annotation_rows
from tasks.store import staging
from tasks.store.commit import write
from tasks.store.log import Event, record
from tasks.store.root import Root

AT = datetime(2026, 5, 1, tzinfo=UTC)


class Board:
    """A place that lies in memory: answers by reference."""

    origin: Literal["human", "oracle"] = "human"

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = answers

    def push(self, ontology: Ontology, purpose: str, tasks: Iterable[Task]) -> Pushed:
        return Pushed(0, 0, "")

    def collect(self, ontology: Ontology, since: datetime | None) -> Iterator[Answer]:
        for reference, name in self.answers.items():
            yield Answer("s", "ann", {"class": name}, reference, AT)

    def deleted(self, ontology: Ontology, collected: set[str]) -> set[str]:
        return collected - set(self.answers)

    def check(self) -> dict[str, Any]:
        return {}


def test_what_was_taken_back_is_deleted_once_also_while_that_is_held(root: Root) -> None:
    stated = {"name": "animals", "type": "class", "classes": ["cat", "dog"]}
    by = apply_ontology(root, Ontology.model_validate(stated)).ontology
    board = Board({"board/1": "cat", "board/2": "dog"})
    found = Fresh(root, by, board)
    found.samples = {"s"}
    made = [found._annotation(answer) for answer in found.unknown()]
    write(root, "annotations", annotation_rows(made, "human", by))
    assert list(Fresh(root, by, board).unknown()) == []
    del board.answers["board/2"]
    (gone,) = Fresh(root, by, board).deleted()
    assert (gone.status, gone.replaces) == ("deleted", made[1].id("human", by))
    uri = root.at("staging", "labels-1", STAGE, "answers.parquet")
    staging.write_rows(root, uri, annotation_rows([gone], "human", by))
    counts = {"answers_uri": uri.removeprefix(root.uri), "until": None}
    record(root, lambda log: None if log.events else Event("labels-1", "planned", STAGE, "board", counts))
    assert Fresh(root, by, board).deleted() == []
    assert set(Fresh(root, by, board).current) == {"board/1"}
