"""Evaluate a model on the test side of its snapshot: how good it is, where it fails, and whether it is the best."""

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.labels.champion import STAGE, champion_of
from tasks.labels.snapshot import Snapshot, read_snapshot
from tasks.learn.evaluate.bootstrap import measured
from tasks.learn.evaluate.calibration import calibration, fitted_temperature
from tasks.learn.evaluate.compare import Compared, compared
from tasks.learn.evaluate.errors import doubted_labels, finding_rows, weak_slices, worst_errors
from tasks.learn.evaluate.kinds import METRICS
from tasks.learn.evaluate.material import Examined, Said, examined, read_reviewed, usable
from tasks.learn.evaluate.slices import judged_slices, slices_of
from tasks.learn.evaluate.told import Evaluation, as_json
from tasks.learn.evaluate.traits import traits_of
from tasks.learn.models.file import (
    ModelConfig,
    read_config,
    read_evaluation,
    read_predicted,
    write_config,
    write_evaluation,
)
from tasks.learn.models.predict import calibrated
from tasks.learn.settings import LearnSettings
from tasks.learn.track.track import log_evaluation
from tasks.store import staging
from tasks.store.errors import UsageError
from tasks.store.log import Event, read_log, record
from tasks.store.root import Root, open_root
from tasks.store.staging import Staged
from tasks.unit import unit


@unit("evaluate model")
def evaluate_model(root: str, snapshot: str, version: str, settings: LearnSettings) -> Staged:
    """Evaluate a model, write evaluation.json beside it, and stage the findings that it makes for gate `trained`.

    The temperature is fitted on the validation side; every figure is of the test side.

    Args:
        root: URI of the root.
        snapshot: that the model was trained on.
        version: of the model.
        settings: of learning.

    Raises:
        UsageError: there is no such snapshot or model, its predictions are gone, there is nothing to test on, or the
            tracker is away: then the evaluation is on file, and tracked by the next run.
        Unreachable: the model or the champion cannot be read now.
    """
    opened = open_root(root)
    taken, config = read_snapshot(opened, snapshot), read_config(opened, version)
    predicted = read_predicted(opened, version)
    seen = _seen(taken, config, predicted)
    _refuse_untestable(seen)
    evaluation, doubts = evaluated(opened, seen, config, usable(predicted), settings)
    told = as_json(evaluation)
    write_config(opened, config.model_copy(update={"temperature": evaluation.temperature}))
    write_evaluation(opened, version, told)
    _plan(opened, taken, config, told)
    log_evaluation(opened, version, told, settings)
    facts = _facts(evaluation, told, len(taken.rows) - len(seen.rows), settings.evaluate.confidence)
    return _staged(opened, version, facts, doubts)


def evaluated(
    root: Root, snapshot: Snapshot, config: ModelConfig, said: Said, settings: LearnSettings
) -> tuple[Evaluation, list[dict[str, Any]]]:
    """What is found out about a model, and the rows of `findings` that it makes.

    Args:
        root: where both are.
        snapshot: what the model was trained on, of the samples that it can see.
        config: of the model.
        said: what it says of them.
        settings: of learning.
    """
    asked = settings.evaluate
    validation, plain = (examined(snapshot, side, said) for side in ("validation", "test"))
    temperature = fitted_temperature(validation.answers) or config.temperature
    test = _at_best(plain, validation, temperature)
    slices = slices_of(
        snapshot.classes, test.answers.present, traits_of(root, test.samples, asked.slices), asked.min_slice
    )
    judged = judged_slices(slices, test.answers.right, test.groups, asked)
    sides = [(side, side.answers.mistakes()) for side in (test, _at_best(validation, validation, temperature))]
    reviewed = read_reviewed(root, [*test.annotations, *validation.annotations])
    doubts = doubted_labels(sides, config.version, reviewed, asked)
    champion = champion_of(read_log(root), snapshot.ontology)
    if champion is None:
        comparison = Compared(None)
    elif champion.batch_id == config.version:
        comparison = Compared((read_evaluation(root, config.version) or {}).get("comparison"))
    else:
        tempered = config.model_copy(update={"temperature": temperature})
        calm = {one: calibrated(tempered, said[one]) for one in test.samples if one in said}
        comparison = compared(root, snapshot, test, calm, champion.batch_id, slices, asked, settings.predict_command)
    evaluation = Evaluation(
        config=config,
        snapshot=snapshot,
        test=test,
        temperature=temperature,
        figures=measured(test.answers, test.groups, asked),
        calibration=calibration(plain.answers, temperature),
        slices=judged,
        errors=worst_errors(test, sides[0][1], reviewed, asked),
        suspects=len(doubts),
        compared=comparison,
        unsaid=snapshot.rows.num_rows - sum(sample in said for sample in snapshot.rows["sample_id"].to_pylist()),
    )
    return evaluation, [*doubts, *weak_slices(judged, config.version, snapshot.ontology)]


def _at_best(side: Examined, validation: Examined, temperature: float) -> Examined:
    """A side as the model answers once it was tuned on the validation side."""
    return replace(side, answers=side.answers.tuned_on(validation.answers).calibrated(temperature))


def _seen(snapshot: Snapshot, config: ModelConfig, predicted: pa.Table) -> Snapshot:
    """The snapshot without the samples that a probe cannot see: those without a vector, as the copies of others are."""
    if config.kind != "probe":
        return snapshot
    told = pc.is_in(snapshot.rows["sample_id"], value_set=predicted["sample_id"].combine_chunks())
    return replace(snapshot, rows=snapshot.rows.filter(told))


def _refuse_untestable(snapshot: Snapshot) -> None:
    if snapshot.label_type not in METRICS:
        raise UsageError(f"Models are not evaluated on {snapshot.label_type} yet: learn from classes or boxes.")
    if not len(snapshot.side("test")):
        raise UsageError(
            f"The snapshot {snapshot.name} has no sample for testing that the model can see: label what was set aside, "
            "or name a test side of your own by learn.split.test_where."
        )


def _plan(root: Root, snapshot: Snapshot, config: ModelConfig, told: dict[str, Any]) -> None:
    """Record the model in the log, once."""
    metric = told["metrics"][told["metric"]]
    counts = {
        "ontology": snapshot.ontology,
        "snapshot": snapshot.name,
        "test_hash": snapshot.test_hash,
        "metric": told["metric"],
        **metric,
        "trained": told["sides"]["train"],
        "labels": len(snapshot.rows),
        "kind": config.kind,
    }
    event = Event(config.version, "planned", STAGE, counts=counts)
    record(root, lambda log: None if config.version in log.batches else event)


def _facts(evaluation: Evaluation, told: dict[str, Any], unseen: int, confidence: float) -> dict[str, Any]:
    """The figures that gate `trained` judges."""
    comparison = told["comparison"] or {}
    return {
        "metric": told["metric"],
        "challenger": told["metrics"][told["metric"]]["value"],
        "chance": evaluation.test.answers.chance,
        "uncomparable": evaluation.compared.failed,
        "champion": comparison.get("champion"),
        "champion_value": comparison.get("champion_value"),
        "difference": comparison.get("difference"),
        "slices": comparison.get("slices", []),
        "confidence": confidence,
        "tested": len(evaluation.test.samples),
        "samples": len(evaluation.snapshot.rows) + unseen,
        "unseen": unseen,
        "unsaid": evaluation.unsaid,
        "calibration_error": told["calibration"] and told["calibration"]["ece_after"],
        "note": evaluation.compared.note,
    }


def _staged(root: Root, version: str, facts: dict[str, Any], doubts: list[dict[str, Any]]) -> Staged:
    """The findings, for gate `trained`."""
    fingerprint = staging.settings_hash(facts, sorted(one["finding_id"] for one in doubts))
    uri = staging.shard_uri(root, version, STAGE, fingerprint, 0)
    staging.write_rows(root, uri, finding_rows(doubts))
    return Staged(version, STAGE, uri, facts, fingerprint)
