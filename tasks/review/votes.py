"""What several annotators said of one picture, as questions to which each gave one answer."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tasks.labels.values import EMPTY, UNUSABLE, LabelType, Value, canonical, shapes
from tasks.review.match import group, iou_matrix


@dataclass(frozen=True)
class Question:
    """One thing to agree on.

    Attributes:
        about: the class that is there or not, of a multilabel; empty for a class or a shape; None for whether the
            picture can be labelled at all.
        said: what each annotator answered; of a shape its class, or None where it was left out.
        drawn: how each annotator who did drew the shape.
    """

    about: str | None
    said: Mapping[str, Hashable]
    drawn: Mapping[str, Value] = field(default_factory=dict)


def questions(label_type: LabelType, values: Mapping[str, Value]) -> list[Question]:
    """The questions behind the labels that annotators gave one picture; none if all said that nothing is there.

    Whether it can be labelled is the first, where anybody thinks that it cannot.
    """
    if label_type == "class":
        return [Question("", {name: _class_said(value) for name, value in values.items()})]
    able = {name: value for name, value in values.items() if value.get("answer") != "unusable"}
    usable = Question(None, {name: name in able for name in values})
    asked = [usable] if len(able) < len(values) else []
    if label_type == "multilabel":
        named = {name: set(value.get("classes", [])) for name, value in able.items()}
        every = sorted(set().union(*named.values()))
        return asked + [Question(one, {name: one in classes for name, classes in named.items()}) for one in every]
    things = group({name: shapes(value) for name, value in able.items()})
    return asked + [
        Question("", {name: thing[name]["class"] if name in thing else None for name in able}, thing)
        for thing in things
    ]


def is_unusable(asked: Sequence[Question], winners: Sequence[Hashable]) -> bool:
    """Whether the answers say that the picture cannot be labelled; the other answers count for nothing then."""
    return bool(asked) and asked[0].about is None and not winners[0]


def as_label(
    label_type: LabelType,
    asked: Sequence[Question],
    winners: Sequence[Hashable],
    values: Mapping[str, Value],
    weight: Callable[[str], float],
) -> Value:
    """The label that answers make; attributes are those of the best annotator who gave the very same label.

    Args:
        label_type: of the ontology.
        asked: the questions.
        winners: the answer to each.
        values: what annotators gave, whole.
        weight: quality of an annotator.
    """
    made = _plain_label(label_type, asked, winners, weight)
    alike = [name for name in values if {**values[name], "attributes": None} == {**made, "attributes": None}]
    return values[max(alike, key=weight)] if alike else made


def _plain_label(
    label_type: LabelType, asked: Sequence[Question], winners: Sequence[Hashable], weight: Callable[[str], float]
) -> Value:
    if label_type == "class":
        kind, name = str(winners[0]).split(":", 1)
        return {kind: name}
    if is_unusable(asked, winners):
        return UNUSABLE
    answered = [(one, won) for one, won in zip(asked, winners, strict=True) if won and one.about is not None]
    if not answered:
        return EMPTY
    if label_type == "multilabel":
        return canonical(label_type, {"classes": [one.about for one, _ in answered]})
    return canonical(label_type, {label_type: [_merged(one, won, weight) for one, won in answered]})


def _class_said(value: Value) -> str:
    return f"class:{value['class']}" if "class" in value else f"answer:{value['answer']}"


def _merged(asked: Question, won: Hashable, weight: Callable[[str], float]) -> Value:
    """One shape for the several that annotators drew of a thing: of boxes the mean, of masks the most central one."""
    drawn = {name: shape for name, shape in asked.drawn.items() if shape["class"] == won}
    best = drawn[max(sorted(drawn), key=weight)]
    if "width" in best:
        weights = [weight(name) for name in drawn]
        apart = {side: [shape[side] - best[side] for shape in drawn.values()] for side in ("x", "y", "width", "height")}
        return best | {side: best[side] + float(np.average(part, weights=weights)) for side, part in apart.items()}
    central = iou_matrix(list(drawn.values()), list(drawn.values())).sum(axis=1)
    return list(drawn.values())[int(central.argmax())]
