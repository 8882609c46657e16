"""The challenger against the champion, on the challenger's test side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from tasks.labels.snapshot import Snapshot
from tasks.labels.values import Value
from tasks.learn.evaluate.answers import Answers, Codes
from tasks.learn.evaluate.bootstrap import Paired, chance_of_loss, paired
from tasks.learn.evaluate.kinds import METRICS, answers
from tasks.learn.evaluate.material import Examined, Said, usable
from tasks.learn.evaluate.settings import EvaluateSettings
from tasks.learn.evaluate.slices import Slice
from tasks.learn.models.file import ModelConfig, read_config, read_predicted
from tasks.learn.models.predict import calibrated, predicting
from tasks.learn.models.program import can_be_asked
from tasks.store.errors import UsageError, WinnowError
from tasks.store.root import Root


@dataclass(frozen=True)
class Compared:
    """What became of a comparison.

    Attributes:
        comparison: None where there is nothing to compare.
        note: what a person should know of it.
        failed: why the champion cannot be compared with, though it answers the same question; else empty.
    """

    comparison: dict[str, Any] | None
    note: str = ""
    failed: str = ""


def compared(
    root: Root,
    snapshot: Snapshot,
    test: Examined,
    said: Said,
    champion: str,
    slices: Sequence[Slice],
    settings: EvaluateSettings,
    command: str | None = None,
) -> Compared:
    """Compare a challenger with the champion on the same samples.

    They are asked about the samples that the champion can see too; where the classes changed, among those that both
    know, and of single classes about samples of these. Slices are compared by how right a model is about each sample;
    their p is the chance of losing as much, without a correction.

    Args:
        root: where both are.
        snapshot: of the challenger.
        test: its test side.
        said: what the challenger says of its samples, calibrated as what the champion says is.
        champion: version.
        slices: of the test side.
        settings: of evaluation.
        command: `learn.predict_command`, which asks a champion of the user's own about samples that are new to it.

    Raises:
        Unreachable: the champion cannot be read now.
        WinnowError: that program failed, and nothing else is known of the champion.
    """
    try:
        config = read_config(root, champion)
        shared = [name for name in snapshot.classes if name in config.classes]
        asked = [place for place, label in enumerate(test.labels) if _is_asked(snapshot, label, shared)]
        enough = len(shared) > (snapshot.label_type == "class") and asked
        if config.label_type != snapshot.label_type or not enough:
            return Compared(None, f"The champion {champion} answers another question: there is nothing to compare.")
        by_champion = _said_by(root, config, test.samples, command)
    except UsageError as error:
        return _impossible(champion, str(error))
    places = [place for place in asked if test.samples[place] in by_champion]
    if not places:
        return _impossible(champion, "it says nothing of the samples to test on")
    samples, labels = [test.samples[place] for place in places], [test.labels[place] for place in places]
    ours = answers(snapshot.label_type, shared, labels, [said.get(sample) for sample in samples])
    theirs = answers(snapshot.label_type, shared, labels, [by_champion.get(sample) for sample in samples])
    groups = np.unique(test.groups[places], return_inverse=True)[1]
    note = "" if len(places) == len(test.samples) else f"Compared on {len(places)} of {len(test.samples)} samples."
    found = paired(ours, theirs, groups, settings)
    comparison = _as_comparison(found, settings) | {
        "champion": champion,
        "metric": METRICS[snapshot.label_type],
        "slices": _by_slice(ours, theirs, groups, [Slice(one.name, one.members[places]) for one in slices], settings),
    }
    return Compared(comparison, note)


def _impossible(champion: str, why: str) -> Compared:
    return Compared(None, f"The champion {champion} cannot be compared with: {why}", why)


def _said_by(root: Root, config: ModelConfig, samples: Sequence[str], command: str | None) -> dict[str, Value]:
    """What a model says of samples, calibrated: that of its own test side is on file, the rest is predicted now."""
    predicted = read_predicted(root, config.version)
    known = usable(predicted.filter(pc.not_equal(predicted["side"], "train")))
    on_file = [sample for sample in samples if sample in known]
    said = {sample: calibrated(config, known[sample]) for sample in on_file}
    missing = [sample for sample in samples if sample not in said]
    return {**said, **_predicted_now(root, config, missing, said, command)} if missing else said


def _predicted_now(root: Root, config: ModelConfig, samples: Sequence[str], known: Said, command: str | None) -> Said:
    """What a model says of samples now; nothing where it cannot be asked any more, but something is known already."""
    try:
        with predicting(root, config, command if can_be_asked(config, command) else None) as predict:
            return usable(predict(samples))
    except WinnowError as error:
        if not known or not (isinstance(error, UsageError) or config.kind == "command"):
            raise
        return {}


def _is_asked(snapshot: Snapshot, label: Value, shared: Sequence[str]) -> bool:
    return snapshot.label_type != "class" or label["class"] in shared


def _as_comparison(found: Paired, settings: EvaluateSettings) -> dict[str, Any]:
    return {
        "challenger": found.one,
        "champion_value": found.other,
        "difference": found.difference.value,
        "low": found.difference.low,
        "high": found.difference.high,
        "p": found.p,
        "better": found.difference.value > 0 and found.p < 1 - settings.confidence,
    }


def _by_slice(
    ours: Answers, theirs: Answers, groups: Codes, slices: Sequence[Slice], settings: EvaluateSettings
) -> list[dict[str, Any]]:
    one, other = ours.tuned_on(ours).right, theirs.tuned_on(theirs).right
    told = []
    for part in slices:
        rows = part.members
        if rows.sum() >= settings.min_slice:
            means = float(one[rows].mean()), float(other[rows].mean())
            figures = {"challenger": means[0], "champion": means[1], "difference": means[0] - means[1]}
            p = chance_of_loss(one[rows] - other[rows], groups[rows])
            told.append({"name": part.name, "n": int(rows.sum()), **figures, "p": p})
    return told
