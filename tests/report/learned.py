"""Models as learning leaves them for the page: events in the log, an evaluation beside each, a snapshot."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from tasks.labels.snapshot import MANIFEST, SIDES, Snapshot, write_manifest
from tasks.store.commit import Resolved, commit
from tasks.store.log import Event, record
from tasks.store.root import Root
from tasks.store.schema import SNAPSHOTS
from tests.report.scene import HOSTILE

CLASSES = ["cat", "dog", HOSTILE]


def learn(root: Root, version: str, *events: str, why: str | None = None, said: Any = None, **counts: Any) -> None:
    """A model in the log: planned with `counts`, then what became of it; `said` is written as its evaluation."""
    plain = {"ontology": "pets", "snapshot": "snapshot-1", "test_hash": "t", "metric": "balanced_accuracy"}
    plain |= {"value": 0.8, "low": 0.7, "high": 0.9, "trained": 80, "labels": 100, "kind": "probe", **counts}
    record(root, lambda log: Event(version, "planned", "train", counts=plain))
    for name in events:
        record(root, lambda log, name=name: Event(version, name, "train", note=why))
    if said is not None:
        root.storage.write(root.at("models", version, "evaluation.json"), json.dumps(said).encode())


def snapshot(root: Root, name: str, samples: Sequence[str]) -> None:
    """A committed snapshot of samples, of which every fourth is on the test side."""
    rows = [
        {
            "sample_id": one,
            "annotation_id": one,
            "value": '{"class":"cat"}',
            "side": "train" if place % 4 else "test",
            "group": one,
        }
        for place, one in enumerate(samples)
    ]
    made = Snapshot(name, "pets", 1, "class", tuple(CLASSES), None, pa.Table.from_pylist(rows, schema=MANIFEST))
    row = {"name": name, "manifest_uri": write_manifest(root, made), "manifest_hash": made.hash}
    table = pa.Table.from_pylist([row | {"created_at": datetime.now(UTC)}], schema=SNAPSHOTS.schema)
    record(root, lambda log: Event(name, "planned", "snapshot"))
    counts = {f"snapshot_{side}": len(made.side(side)) for side in SIDES} | {"ontology": "pets"}
    commit(root, name, "snapshot", lambda log: Resolved([(SNAPSHOTS, table)], counts))


def evaluation(version: str, samples: Sequence[str], **more: Any) -> dict[str, Any]:
    """What evaluation writes, with a bit of everything."""
    return {
        "version": version,
        "snapshot": "snapshot-1",
        "metric": "balanced_accuracy",
        "classes": CLASSES,
        "sides": {"train": 80, "validation": 20, "test": 60},
        "metrics": {
            "balanced_accuracy": {"value": 0.8, "low": 0.7, "high": 0.9},
            "accuracy": {"value": 0.85, "low": None, "high": None},
        },
        "per_class": [
            {"class": "cat", "support": 30, "precision": 0.9, "recall": 0.8, "f1": 0.847},
            {"class": "dog", "support": 20, "precision": 0.7, "recall": 0.95, "f1": 0.806},
            {"class": HOSTILE, "support": 0, "precision": None, "recall": None, "f1": None},
        ],
        "confusion": {"classes": CLASSES, "counts": [[24, 6, 0], [1, 19, 0], [0, 0, 0]]},
        "slices": [
            {"name": "sensor_id=cam-3", "n": 12, "value": 0.4, "rest": 0.9, "p_corrected": 2e-4, "worse": True},
            {"name": f"sensor_id={HOSTILE}", "n": 9, "value": 0.8, "rest": 0.8, "p_corrected": None, "worse": False},
        ],
        "calibration": {
            "temperature": 1.7,
            "ece_before": 0.12,
            "ece_after": 0.03,
            "bins": [
                {"confidence": 0.1 + place / 10, "accuracy": max(0.0, 0.05 + place / 10), "n": place * 3}
                for place in range(10)
            ],
        },
        "errors": [
            {"sample_id": samples[0], "label": "cat", "predicted": HOSTILE, "probability": 0.97, "kind": "confusion",
             "label_error": True},
            {"sample_id": samples[1], "label": "dog", "predicted": "cat", "probability": 0.61, "kind": "confusion",
             "label_error": False},
            {"sample_id": samples[2], "label": None, "predicted": "cat", "probability": 0.9, "kind": "false_positive",
             "label_error": False},
            {"sample_id": "gone", "label": "dog", "predicted": None, "probability": None, "kind": "false_negative",
             "label_error": False},
        ],
        "advice": [{"what": "slice", "about": HOSTILE, "words": f"Label more with {HOSTILE}."}],
        "comparison": None,
        **more,
    }  # fmt: skip


def comparison(champion: str, difference: float) -> dict[str, Any]:
    """A challenger against a champion that was right about 80 %."""
    return {
        "champion": champion, "metric": "balanced_accuracy", "challenger": 0.8 + difference, "champion_value": 0.8,
        "difference": difference, "low": difference - 0.05, "high": difference + 0.05, "p": 0.012,
        "better": difference > 0,
        "slices": [{"name": "class=dog", "n": 20, "challenger": 0.7, "champion": 0.8, "difference": -0.1}],
    }  # fmt: skip
