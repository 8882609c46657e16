"""The worst errors of a model, which of them look like errors of the label instead, and the findings that they make."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import pyarrow as pa

from tasks.labels.values import EMPTY, Value, as_text
from tasks.learn.evaluate.answers import Mistake
from tasks.learn.evaluate.material import Examined, Reviewed
from tasks.learn.evaluate.settings import EvaluateSettings
from tasks.learn.evaluate.slices import Judged
from tasks.store.ids import make_id
from tasks.store.schema import FINDINGS

MOST_ERRORS = 96
"""Of each kind."""

MOST_DOUBTS = 180
MOST_SLICES = 20


def worst_errors(
    test: Examined, mistakes: Sequence[Mistake], reviewed: Mapping[str, Reviewed], settings: EvaluateSettings
) -> list[dict[str, Any]]:
    """The surest mistakes of each kind, and whether the label looks wrong.

    That is where the review doubts it, or the model is very sure; a label that somebody decided on there is right.
    """
    errors = []
    for one in _first_of_each(mistakes):
        review = reviewed.get(test.annotations[one.place])
        doubted = review is not None and not review.decided and (review.doubted or _is_sure(one, settings))
        told = {"label": one.label, "predicted": one.predicted, "probability": one.probability, "kind": one.kind}
        box = {} if one.box is None else {"box": list(one.box)}
        errors.append({"sample_id": test.samples[one.place], **told, **box, "label_error": doubted})
    return errors


def doubted_labels(
    sides: Sequence[tuple[Examined, Sequence[Mistake]]],
    version: str,
    reviewed: Mapping[str, Reviewed],
    settings: EvaluateSettings,
) -> list[dict[str, Any]]:
    """Findings about labels that the model contradicts though it never learned them, the surest first.

    None about a label that somebody decided on in a review, or that does not count any more. The same contradiction by
    another model is the same finding.
    """
    found = []
    for side, mistakes in sides:
        sure = sorted((one for one in mistakes if _is_sure(one, settings)), key=lambda one: one.place)
        for place, several in groupby(sure, key=lambda one: one.place):
            annotation = side.annotations[place]
            review = reviewed.get(annotation)
            if review is not None and not review.decided:
                found.append(_doubt(side.samples[place], annotation, side.labels[place], list(several), version))
    return sorted(found, key=lambda row: (-row["score"], row["sample_id"]))[:MOST_DOUBTS]


def weak_slices(slices: Sequence[Judged], version: str, ontology: str) -> list[dict[str, Any]]:
    """Findings about slices that a model is significantly worse at."""
    worse = [one for one in slices if one.worse][:MOST_SLICES]
    return [
        {
            "finding_id": make_id("weak_slice", version, one.name),
            "kind": "weak_slice",
            "score": one.rest - one.value,
            "reason": f"the model {version} is right about {one.value:.0%} of {one.n} samples with {one.name}, and "
            f"about {one.rest:.0%} of the others",
            "suggestion": as_text(
                {"slice": one.name, "model": version, "ontology": ontology, "asked": list(one.asked)}
            ),
        }
        for one in worse
    ]


def finding_rows(found: Sequence[dict[str, Any]]) -> pa.Table:
    """Rows of `findings`."""
    now = datetime.now(UTC)
    return pa.Table.from_pylist([{**one, "status": "open", "created_at": now} for one in found], schema=FINDINGS.schema)


def _first_of_each(mistakes: Sequence[Mistake]) -> Iterator[Mistake]:
    """The first so many of each kind, in their order."""
    told: Counter[str] = Counter()
    for one in mistakes:
        told[one.kind] += 1
        if told[one.kind] <= MOST_ERRORS:
            yield one


def _is_sure(mistake: Mistake, settings: EvaluateSettings) -> bool:
    """Whether the model contradicts the label: a box that is not found at all is no such thing."""
    unseen = mistake.box is not None and mistake.kind == "false_negative"
    return mistake.probability >= settings.sure and not unseen


def _doubt(sample: str, annotation: str, label: Value, mistakes: Sequence[Mistake], version: str) -> dict[str, Any]:
    instead = None if mistakes[0].box is not None else _instead(label, mistakes)
    what = "" if instead is None else as_text(instead)
    words = "; ".join(_in_words(one) for one in mistakes[:5])
    return {
        "finding_id": make_id(sample, "model_disagrees", annotation, what),
        "sample_id": sample,
        "kind": "model_disagrees",
        "annotation_id": annotation,
        "score": max(one.probability for one in mistakes),
        "reason": f"the model {version}, which never learned this label, {words}",
        "suggestion": None if instead is None else as_text({"value": instead}),
    }


def _instead(label: Value, mistakes: Sequence[Mistake]) -> Value:
    """The label as the model has it."""
    if "class" in label:
        return {**label, "class": mistakes[0].predicted}
    changed = {one.label or one.predicted for one in mistakes}
    classes = sorted(set(label.get("classes", [])) ^ changed)
    attributes = {name: part for name, part in label.items() if name == "attributes"}
    return {**attributes, "classes": classes} if classes else attributes | EMPTY


def _in_words(one: Mistake) -> str:
    if one.kind == "confusion":
        return f"says {one.predicted!r} ({one.probability:.0%}) rather than {one.label!r}"
    if one.kind == "false_positive":
        return f"sees {one.predicted!r} ({one.probability:.0%}) that the label does not have"
    return f"sees no {one.label!r} ({one.probability:.0%})"
