"""What the evaluation of a model left beside it, as the page reads it: `<root>/models/VERSION/evaluation.json`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.store.errors import Unreachable
from tasks.store.root import Root

Number = float | None
"""A figure, or none where there is nothing that it could be of."""


class _Read(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Figure(_Read):
    """A figure and its interval."""

    value: Number = None
    low: Number = None
    high: Number = None


class ClassFigures(_Read):
    """How well one class is found, of `support` samples, having learned from `trained`; `ap`: average precision.

    `low` and `high` are of the average precision where there is one, else of the recall.
    """

    name: str = Field(alias="class")
    support: int
    trained: int | None = None
    precision: Number = None
    recall: Number = None
    f1: Number = None
    ap: Number = None
    low: Number = None
    high: Number = None


class Confusion(_Read):
    """How often samples of a class (row) are taken for another one (column), (classes, classes)."""

    classes: list[str]
    counts: list[list[int]]


class Slice(_Read):
    """Samples that have something in common against all others; `worse` is what is significant after correction."""

    name: str
    n: int
    value: Number = None
    low: Number = None
    high: Number = None
    rest: Number = None
    p: Number = None
    p_corrected: Number = None
    worse: bool = False


class Bin(_Read):
    """Answers of about one confidence, and the share of them that is right."""

    confidence: Number = None
    accuracy: Number = None
    n: int


class Calibration(_Read):
    """How far probabilities are from what comes true, on average (expected calibration error), before and after."""

    temperature: float = 1.0
    ece_before: Number = None
    ece_after: Number = None
    bins: list[Bin] = []


class Mistake(_Read):
    """One wrong answer; `box`, of detectors: x, y, width and height in pixels of the original."""

    sample_id: str
    label: str | None = None
    predicted: str | None = None
    probability: Number = None
    kind: Literal["false_positive", "false_negative", "confusion"]
    box: tuple[float, float, float, float] | None = None
    label_error: bool = False


class Advice(_Read):
    """What to do next, in words."""

    what: str
    about: str | None = None
    words: str


class ComparedSlice(_Read):
    """One slice before and after."""

    name: str
    n: int
    challenger: Number = None
    champion: Number = None
    difference: Number = None


class Comparison(_Read):
    """A challenger against the champion of its time, on one test side."""

    champion: str
    metric: str
    challenger: Number = None
    champion_value: Number = None
    difference: Number = None
    low: Number = None
    high: Number = None
    p: Number = None
    better: bool = False
    slices: list[ComparedSlice] = []


class Evaluation(_Read):
    """All of it."""

    version: str
    metric: str
    classes: list[str] = []
    sides: dict[str, int] = {}
    metrics: dict[str, Figure] = {}
    per_class: list[ClassFigures] = []
    confusion: Confusion | None = None
    slices: list[Slice] = []
    calibration: Calibration | None = None
    errors: list[Mistake] = []
    advice: list[Advice] = []
    comparison: Comparison | None = None
    note: str | None = None


def read_evaluation(root: Root, version: str) -> Evaluation | None:
    """What is on file; None where it is not there or is damaged."""
    try:
        return Evaluation.model_validate_json(root.storage.read(root.at("models", version, "evaluation.json")))
    except (Unreachable, ValidationError):
        return None
