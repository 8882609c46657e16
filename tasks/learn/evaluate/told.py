"""An evaluation as plain JSON: what evaluation.json holds for the report and for people."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tasks.labels.snapshot import SIDES, Snapshot
from tasks.labels.values import as_value
from tasks.labels.values import classes as named
from tasks.learn.evaluate import advice
from tasks.learn.evaluate.bootstrap import Measured
from tasks.learn.evaluate.calibration import Calibration
from tasks.learn.evaluate.classes import ClassAnswers
from tasks.learn.evaluate.compare import Compared
from tasks.learn.evaluate.kinds import METRICS
from tasks.learn.evaluate.material import Examined
from tasks.learn.evaluate.slices import Judged
from tasks.learn.models.file import ModelConfig


@dataclass(frozen=True)
class Evaluation:
    """What was found out about a model.

    Attributes:
        config: of the model.
        snapshot: that it was trained on, of the samples that it can see.
        test: the test side, as the model answers once it was tuned on the validation side.
        temperature: that its logits are divided by.
        figures: of the test side.
        calibration: of its probabilities; None if it gives none.
        slices: of the test side, the worst first.
        errors: see errors.worst_errors.
        suspects: labels of the test and validation sides that look wrong.
        compared: with the champion.
        unsaid: samples of the snapshot of which the model says nothing that can be used.
    """

    config: ModelConfig
    snapshot: Snapshot
    test: Examined
    temperature: float
    figures: Measured
    calibration: Calibration | None
    slices: Sequence[Judged]
    errors: Sequence[dict[str, Any]]
    suspects: int
    compared: Compared
    unsaid: int


def as_json(found: Evaluation) -> dict[str, Any]:
    """The evaluation in the words of JSON; what nobody can tell is null."""
    snapshot, answers = found.snapshot, found.test.answers
    confusion = answers.confusion if isinstance(answers, ClassAnswers) else None
    told = {
        "version": found.config.version,
        "snapshot": snapshot.name,
        "ontology": snapshot.ontology,
        "kind": found.config.kind,
        "label_type": snapshot.label_type,
        "classes": list(snapshot.classes),
        "metric": METRICS[snapshot.label_type],
        "sides": {side: len(snapshot.side(side)) for side in SIDES},
        "metrics": {name: asdict(one) for name, one in found.figures.metrics.items()},
        "per_class": _per_class(found),
        "confusion": None if confusion is None else {"classes": list(snapshot.classes), "counts": confusion.tolist()},
        "slices": [asdict(one) for one in found.slices],
        "calibration": None if found.calibration is None else _calibration(found.calibration),
        "errors": list(found.errors),
        "advice": _advice(found),
        "comparison": found.compared.comparison,
        "note": found.compared.note,
    }
    plain: dict[str, Any] = _without_nan(told)
    return plain


def _per_class(found: Evaluation) -> list[dict[str, Any]]:
    """Figures of each class; `low` and `high` are of the average precision where there is one, else of the recall."""
    figures, support = found.figures.per_class, found.test.answers.support
    main = "ap" if "ap" in figures else "recall"
    trained = _trained(found)
    return [
        {"class": name, "support": int(support[place]), "trained": trained[name]}
        | {figure: intervals[place].value for figure, intervals in figures.items()}
        | {"low": figures[main][place].low, "high": figures[main][place].high}
        for place, name in enumerate(found.snapshot.classes)
    ]


def _trained(found: Evaluation) -> dict[str, int]:
    """Labels of each class to learn from."""
    counts = dict.fromkeys(found.snapshot.classes, 0)
    for text in found.snapshot.side("train")["value"].to_pylist():
        for name in named(as_value(text)):
            counts[name] += 1
    return counts


def _calibration(found: Calibration) -> dict[str, Any]:
    bins = [asdict(one) for one in found.bins]
    return {"temperature": found.temperature, "ece_before": found.before, "ece_after": found.after, "bins": bins}


def _advice(found: Evaluation) -> list[dict[str, str]]:
    names, answers = found.snapshot.classes, found.test.answers
    recall = {name: one.value for name, one in zip(names, found.figures.per_class["recall"], strict=True)}
    tested = dict(zip(names, answers.support.tolist(), strict=True))
    confusion = answers.confusion if isinstance(answers, ClassAnswers) else None
    return [
        *advice.few_to_test(len(found.test.samples)),
        *advice.more_data(recall, tested, _trained(found)),
        *advice.weak_slices(found.slices),
        *advice.check_labels(found.suspects, names, confusion),
        *advice.calibrated(found.calibration),
    ]


def _without_nan(told: Any) -> Any:
    if isinstance(told, dict):
        return {name: _without_nan(one) for name, one in told.items()}
    if isinstance(told, list):
        return [_without_nan(one) for one in told]
    return None if isinstance(told, float) and not math.isfinite(told) else told
