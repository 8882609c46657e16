"""What differs between two snapshots: samples added and removed, labels changed, and on which sides."""

from collections import Counter
from typing import Any

from tasks.labels.snapshot import SIDES, Snapshot
from tasks.labels.values import as_value, classes
from tasks.store.errors import UsageError

Row = dict[str, str]


def difference(before: Snapshot, after: Snapshot) -> dict[str, Any]:
    """Plain data for the terminal and for `--json`; sample ids are in order.

    `reviewed` has another annotation that says the same. `moved` is empty wherever one grew from the other: no sample
    changes sides.

    Raises:
        UsageError: they are of different ontologies.
    """
    if before.ontology != after.ontology:
        raise UsageError(
            f"{before.name} has labels of {before.ontology}, {after.name} of {after.ontology}: only snapshots of one "
            "ontology can be compared."
        )
    old, new = _by_sample(before), _by_sample(after)
    both = sorted(old.keys() & new.keys())
    added, removed = sorted(new.keys() - old.keys()), sorted(old.keys() - new.keys())
    relabelled = [one for one in both if old[one]["value"] != new[one]["value"]]
    return {
        "before": before.name,
        "after": after.name,
        "ontology": after.ontology,
        "ontology_versions": [before.ontology_version, after.ontology_version],
        "classes_added": [name for name in after.classes if name not in before.classes],
        "classes_removed": [name for name in before.classes if name not in after.classes],
        "same_test_side": before.test_hash == after.test_hash,
        "added": {"by_side": _by_side(new, added), "by_class": _by_class(new, added), "samples": added},
        "removed": {"by_side": _by_side(old, removed), "by_class": _by_class(old, removed), "samples": removed},
        "relabelled": [
            {"sample_id": one, "side": new[one]["side"], "before": old[one]["value"], "after": new[one]["value"]}
            for one in relabelled
        ],
        "reviewed": [
            one
            for one in both
            if old[one]["value"] == new[one]["value"] and old[one]["annotation_id"] != new[one]["annotation_id"]
        ],
        "moved": [
            {"sample_id": one, "before": old[one]["side"], "after": new[one]["side"]}
            for one in both
            if old[one]["side"] != new[one]["side"]
        ],
    }


def _by_sample(snapshot: Snapshot) -> dict[str, Row]:
    return {row["sample_id"]: row for row in snapshot.rows.to_pylist()}


def _by_side(rows: dict[str, Row], samples: list[str]) -> dict[str, int]:
    counts = Counter(rows[one]["side"] for one in samples)
    return {side: counts[side] for side in SIDES}


def _by_class(rows: dict[str, Row], samples: list[str]) -> dict[str, int]:
    """Samples by class; those without any under `empty`."""
    counts = Counter(name for one in samples for name in set(classes(as_value(rows[one]["value"]))) or ("empty",))
    return dict(sorted(counts.items()))
