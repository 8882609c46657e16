"""Learning on the page: the curve over rounds, the champion, who challenged it, and where it fails."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tasks.labels.champion import champion_of
from tasks.labels.snapshot import SIDES
from tasks.report.boxes import Box, boxes_of
from tasks.report.curve import Curve, Dot, curve_of, reliability
from tasks.report.evaluation import ClassFigures, Confusion, Evaluation, Mistake, read_evaluation
from tasks.report.gallery import Picture, named
from tasks.report.models import Round, rounds_of
from tasks.store.log import Log, read_log
from tasks.store.root import Root

SNAPSHOTS_SHOWN = 20
HEAT_SHOWN = 24
"""Classes up to which all their confusions are shown as a heat map; of more, only the most frequent."""

CONFUSIONS_SHOWN = 24
A_GALLERY = 24

KINDS = {
    "confusion": "Taken for another class",
    "false_positive": "Seen where it is not",
    "false_negative": "Not seen where it is",
}


@dataclass(frozen=True)
class Model:
    """A model with what is on file of it; `predicted` are samples of the pool that it predicted."""

    round: Round
    evaluation: Evaluation | None
    predicted: int


@dataclass(frozen=True)
class Taken:
    """How often one class is taken for another, out of all samples of the class."""

    label: str
    predicted: str
    count: int
    size: int


@dataclass(frozen=True)
class Gallery:
    """Errors of one kind, the worst first.

    Attributes:
        kind: of the errors.
        title: the same in words.
        pictures: of the samples.
        doubtful: those whose label looks wrong.
        boxes: of detectors, where each error is, by sample.
    """

    kind: str
    title: str
    pictures: list[Picture]
    doubtful: set[str]
    boxes: dict[str, list[Box]]


@dataclass(frozen=True)
class Learned:
    """What was learned of one ontology.

    Attributes:
        ontology: its name.
        rounds: of learning, the newest first.
        curve: over the rounds.
        champion: the model that was promoted last.
        newest: the model that was evaluated last, unless it is the champion.
        classes: the model's figures by class, the worst first, judged by `ap` where there is one, else by F1.
        heat: share of each row in each of its cells, percent, for a confusion matrix that is small enough.
        taken: the most frequent confusions of one that is not.
        dots: of the reliability diagram.
        galleries: of errors.
    """

    ontology: str
    rounds: list[Round]
    curve: Curve | None
    champion: Model | None
    newest: Model | None
    classes: list[ClassFigures]
    heat: list[list[float]]
    taken: list[Taken]
    dots: list[Dot]
    galleries: list[Gallery]

    @property
    def shown(self) -> Model | None:
        """The model whose failures are shown: the champion, else the newest."""
        return self.champion or self.newest

    @property
    def compared(self) -> Model | None:
        """The model that was compared with a champion last."""
        both = [one for one in (self.newest, self.champion) if one and one.evaluation and one.evaluation.comparison]
        return both[0] if both else None


@dataclass(frozen=True)
class Shot:
    """A snapshot: samples by side."""

    name: str
    ontology: str
    parent: str | None
    created_at: datetime
    sides: dict[str, int]


@dataclass(frozen=True)
class Learning:
    """Everything that the page says about learning."""

    learned: list[Learned]
    snapshots: list[Shot]


def read_learning(root: Root, connection: Any) -> Learning:
    """What there is to say; `connection` has the views."""
    log = read_log(root)
    rounds = rounds_of(log)
    learned = []
    for ontology in dict.fromkeys(one.ontology for one in rounds):
        champion = champion_of(log, ontology)
        mine = [one for one in rounds if one.ontology == ontology]
        learned.append(_learned(root, connection, mine, champion.batch_id if champion else None))
    return Learning(learned, _snapshots(log, connection))


def _learned(root: Root, connection: Any, rounds: list[Round], champion: str | None) -> Learned:
    best = next((_model(root, connection, one) for one in rounds if one.version == champion), None)
    newest = None if rounds[-1].version == champion else _model(root, connection, rounds[-1])
    shown = best or newest
    evaluation = shown.evaluation if shown else None
    confusion = evaluation.confusion if evaluation else None
    small = confusion is not None and len(confusion.classes) <= HEAT_SHOWN
    return Learned(
        rounds[-1].ontology,
        rounds[::-1],
        curve_of(rounds),
        best,
        newest,
        classes=sorted(evaluation.per_class, key=_quality) if evaluation else [],
        heat=_heat(confusion) if confusion and small else [],
        taken=_taken(confusion) if confusion and not small else [],
        dots=reliability(evaluation.calibration) if evaluation and evaluation.calibration else [],
        galleries=_galleries(root, connection, evaluation.errors) if evaluation else [],
    )


def _model(root: Root, connection: Any, one: Round) -> Model:
    sql = "SELECT count(*) FROM predictions WHERE model_version = ?"
    predicted = connection.execute(sql, [one.version]).fetchall()[0][0]
    return Model(one, read_evaluation(root, one.version), predicted)


def _quality(one: ClassFigures) -> float:
    value = one.f1 if one.ap is None else one.ap
    return 2.0 if value is None else value


def _heat(confusion: Confusion) -> list[list[float]]:
    return [[100 * count / max(sum(row), 1) for count in row] for row in confusion.counts]


def _taken(confusion: Confusion) -> list[Taken]:
    names = confusion.classes
    found = [
        Taken(names[row], names[column], count, sum(counts))
        for row, counts in enumerate(confusion.counts)
        for column, count in enumerate(counts)
        if row != column and count
    ]
    return sorted(found, key=lambda one: -one.count)[:CONFUSIONS_SHOWN]


def _galleries(root: Root, connection: Any, errors: list[Mistake]) -> list[Gallery]:
    galleries = []
    for kind, title in KINDS.items():
        captions: dict[str, list[str]] = {}
        some = [one for one in errors if one.kind == kind]
        for one in some:
            if one.sample_id in captions or len(captions) < A_GALLERY:
                captions.setdefault(one.sample_id, []).append(_caption(one))
        pictures = named(root, connection, {sample: "; ".join(said[:3]) for sample, said in captions.items()})
        if pictures:
            doubtful = {one.sample_id for one in some if one.label_error}
            boxes = boxes_of(connection, [one for one in some if one.sample_id in captions])
            galleries.append(Gallery(kind, title, pictures, doubtful, boxes))
    return galleries


def _caption(one: Mistake) -> str:
    sure = "" if one.probability is None else f" ({one.probability:.0%})"
    match one.kind:
        case "confusion":
            return f"{one.label}, taken for {one.predicted}{sure}"
        case "false_positive":
            return f"{one.predicted}{sure}"
        case _:
            return f"{one.label}{sure}"


def _snapshots(log: Log, connection: Any) -> list[Shot]:
    sql = "SELECT name, parent, created_at FROM snapshots ORDER BY created_at DESC, name DESC LIMIT ?"
    shots = []
    for name, parent, created_at in connection.execute(sql, [SNAPSHOTS_SHOWN]).fetchall():
        counts = next(event.counts for event in log.batches[name].events if event.event == "committed")
        sides: dict[str, int] = {side: counts.get(f"snapshot_{side}", 0) for side in SIDES}
        shots.append(Shot(name, counts.get("ontology", ""), parent, created_at, sides))
    return shots
