"""What the gate `annotated` expects of a round of labels."""

from typing import Any

import pandas as pd

from tasks.gate.checks import Check, Limit, Suite, bound
from tasks.gate.settings import GateSettings


def annotated(rows: pd.DataFrame, facts: dict[str, Any], settings: GateSettings) -> Suite:
    """The checks for a round.

    Args:
        rows: the staged annotations.
        facts: `answers`, `troubles` and `deleted` of the round; `from_people`: labels from people before it;
            `labelled`: samples with a label; `suspects`: those that the review doubts; `agreement`: alpha of the
            `compared` samples that several annotators labelled, or None; `handed_off` and `answered`: samples.
        settings: of all gates.
    """
    gate = settings.annotated
    came = facts["answers"] + facts["troubles"]
    shares = {
        "trouble_share": (facts["troubles"], came),
        "deleted_share": (facts["deleted"], facts["from_people"]),
        "suspect_share": (facts["suspects"], facts["labelled"]),
        "covered_share": (facts["answered"], facts["handed_off"]),
    }
    figures = {name: part / whole if whole else None for name, (part, whole) in shares.items()}
    frame = pd.DataFrame([figures | {"agreement": facts["agreement"]}])
    checks = [
        Check("every answer is there", "ExpectTableRowCountToEqual", {"value": facts["answers"] + facts["deleted"]}),
        Check("no annotation is there twice", "ExpectColumnValuesToBeUnique", {"column": "annotation_id"}),
    ]
    bounds: list[tuple[str, str, Limit, float, int]] = [
        ("trouble_share", "share of answers that break the ontology", "max_value", gate.max_trouble_share, came),
        (
            "deleted_share",
            "share of labels that were taken back",
            "max_value",
            gate.max_deleted_share,
            facts["from_people"],
        ),
        ("suspect_share", "share of doubtful labels", "max_value", gate.max_suspect_share, facts["labelled"]),
        ("agreement", "agreement of the annotators (alpha)", "min_value", gate.min_agreement, facts["compared"]),
        ("covered_share", "share of what was handed off that is answered", "min_value", gate.min_coverage, 0),
    ]
    checks += [
        bound(column, words, side, limit, "critical" if size >= settings.min_objects else "warning")
        for column, words, side, limit, size in bounds
        if frame[column].notna().all()
    ]
    return Suite(checks, {"rows": rows, "facts": frame})
