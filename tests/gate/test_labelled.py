"""The gate `annotated`: shares are judged, figures of the round stay figures."""

from typing import Any

import pandas as pd
import pytest

from tasks.gate.judge import result_of, validate
from tasks.gate.settings import GateSettings
from tasks.gate.suites import suite

FACTS: dict[str, Any] = {
    "answers": 60,
    "troubles": 1,
    "deleted": 2,
    "from_people": 100,
    "labelled": 100,
    "suspects": 10,
    "agreement": 0.8,
    "compared": 80,
    "handed_off": 150,
    "answered": 60,
}


def judged(**changed: Any) -> tuple[str, list[str]]:
    facts = FACTS | changed
    rows = pd.DataFrame({"annotation_id": [str(number) for number in range(facts["answers"] + facts["deleted"])]})
    findings = validate(suite("annotated", rows, facts, GateSettings()))
    return result_of(findings, "auto"), [one.expectation for one in findings if not one.success]


def test_annotated__a_good_round_passes() -> None:
    assert judged() == ("pass", [])


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"troubles": 30}, "share of answers that break the ontology"),
        ({"deleted": 40}, "share of labels that were taken back"),
        ({"suspects": 30}, "share of doubtful labels"),
        ({"agreement": 0.3}, "agreement of the annotators (alpha)"),
    ],
)
def test_annotated__what_is_wrong_holds_and_is_named(changed: dict[str, Any], why: str) -> None:
    assert judged(**changed) == ("hold", [why])


def test_annotated__few_only_warn_and_what_nobody_can_tell_is_not_asked() -> None:
    assert judged(agreement=0.3, compared=10)[0] == "warn"
    assert judged(agreement=None, labelled=0, suspects=0) == ("pass", [])
