"""The manifest of a snapshot: its labels, and the side of each, by what is known of groups and older snapshots."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tasks.labels.group import drawn, groups_of
from tasks.labels.named import named_by
from tasks.labels.set_aside import share_set_aside
from tasks.labels.snapshot import MANIFEST, Side, Snapshot, read_snapshot
from tasks.learn.settings import LearnSettings
from tasks.learn.snapshots.labelled import Labelled, NotYet
from tasks.learn.snapshots.settings import SplitSettings
from tasks.learn.snapshots.sides import Member, Sided, sided
from tasks.store.log import Log, read_log
from tasks.store.root import Root


@dataclass(frozen=True)
class Made:
    """A snapshot, and what is odd about its sides.

    Attributes:
        snapshot: it.
        bridges: labelled samples that are not in it; see sides.Sided.
        torn: the same.
        elsewhere: samples that are on another side than conditions name by now: an older snapshot has them there.
    """

    snapshot: Snapshot
    bridges: list[str]
    torn: list[str]
    elsewhere: list[str]


def made_snapshot(root: Root, name: str, found: Labelled, settings: LearnSettings) -> Made:
    """The snapshot of these labels: the same labels, groups and older snapshots give the same one.

    Raises:
        NotYet: no labelled sample is for testing.
        UsageError: a condition or `group_by` is wrong, or an older manifest is gone.
    """
    older = older_snapshots(root, found.ontology.name)
    split = settings.split
    members = _members(root, found, split, _sides_had(older))
    result = sided(members, _is_drawn(root, settings), 0.0 if split.validation_where else split.validation_share)
    if "test" not in result.sides.values():
        raise NotYet(_why_no_test(split, settings))
    elsewhere = [one.sample_id for one in members if one.sample_id in result.sides and _is_elsewhere(one)]
    ontology = found.ontology
    snapshot = Snapshot(
        name=name,
        ontology=ontology.name,
        ontology_version=ontology.version,
        label_type=ontology.type,
        classes=tuple(ontology.class_names),
        parent=older[-1].name if older else None,
        rows=_rows(found, members, result),
    )
    return Made(snapshot, result.bridges, result.torn, elsewhere)


def older_snapshots(root: Root, ontology: str) -> list[Snapshot]:
    """The snapshots of an ontology, oldest first. Raises UsageError if a manifest is gone."""
    return [read_snapshot(root, name) for name in names_of(read_log(root), ontology)]


def names_of(log: Log, ontology: str) -> list[str]:
    """The names of the snapshots of an ontology, oldest first."""
    return [name for name in log.visible("snapshot") if log.batches[name].planned.counts["ontology"] == ontology]


def _sides_had(older: list[Snapshot]) -> dict[str, Side]:
    return {
        sample: side
        for one in reversed(older)
        for sample, side in zip(one.rows["sample_id"].to_pylist(), one.rows["side"].to_pylist(), strict=True)
    }


def _members(root: Root, found: Labelled, split: SplitSettings, had: dict[str, Side]) -> list[Member]:
    """Labelled samples, and those that older snapshots have."""
    on_test = named_by(root, "test_where", split.test_where)
    on_validation = named_by(root, "validation_where", split.validation_where)
    barred: frozenset[Side] = frozenset(["test"] if split.test_where else [])
    barred |= frozenset(["validation"] if split.validation_where else [])
    labelled = {row["sample_id"]: row["classes"] for row in found.rows}
    members = []
    for row in groups_of(root, split.group_by).to_pylist():
        sample = row["sample_id"]
        if sample in labelled or sample in had:
            asked: Side | None = "test" if sample in on_test else "validation" if sample in on_validation else None
            members.append(
                Member(
                    sample,
                    row["group"],
                    row["tied"],
                    classes=labelled.get(sample, ()),
                    labelled=sample in labelled,
                    had=had.get(sample),
                    asked=asked,
                    barred=frozenset() if asked else barred,
                )
            )
    return members


def _is_elsewhere(one: Member) -> bool:
    return one.had is not None and (one.had in one.barred or one.had != (one.asked or one.had))


def _is_drawn(root: Root, settings: LearnSettings) -> Callable[[str], bool]:
    share = 0.0 if settings.split.test_where else share_set_aside(root, settings.test_share)
    return lambda group: drawn(group, share, "test")


def _rows(found: Labelled, members: list[Member], result: Sided) -> pa.Table:
    groups = {one.sample_id: one.group for one in members}
    rows: list[dict[str, Any]] = [
        {**row, "side": result.sides[row["sample_id"]], "group": groups[row["sample_id"]]}
        for row in found.rows
        if row["sample_id"] in result.sides
    ]
    return pa.Table.from_pylist(rows, schema=MANIFEST)


def _why_no_test(split: SplitSettings, settings: LearnSettings) -> str:
    if split.test_where:
        return f"No labelled sample is for testing: learn.split.test_where ({split.test_where}) names none."
    if settings.test_share == 0:
        return (
            "No sample is for testing: set learn.test_share above 0, or name the test side by learn.split.test_where."
        )
    return (
        f"No labelled sample is among the share of {settings.test_share:g} that is set aside for testing: label what "
        "`winnow select` picked for it, or name a test side by learn.split.test_where."
    )
