"""The answers for a type of label."""

from collections.abc import Sequence

from tasks.labels.values import LabelType, Value
from tasks.learn.evaluate.answers import Answers
from tasks.learn.evaluate.boxes import box_answers
from tasks.learn.evaluate.classes import class_answers
from tasks.learn.evaluate.multilabel import multilabel_answers
from tasks.store.errors import UsageError

METRICS: dict[LabelType, str] = {"class": "balanced_accuracy", "multilabel": "mAP", "boxes": "mAP"}
"""What models are compared by."""


def answers(
    label_type: LabelType, classes: Sequence[str], labels: Sequence[Value], said: Sequence[Value | None]
) -> Answers:
    """What is true of samples, and what a model says of them; None where it said nothing that can be used.

    Raises:
        UsageError: nobody trains models on labels of that type yet.
    """
    if label_type == "class":
        return class_answers(classes, labels, said)
    if label_type == "multilabel":
        return multilabel_answers(classes, labels, said)
    if label_type == "boxes":
        return box_answers(classes, labels, said)
    raise UsageError("Models are not trained on masks yet: learn from an ontology of classes or boxes.")
