"""Bring in an ontology, or another version of one, and carry the labels over to it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from tasks.labels.ontology import Change, Merge, Ontology, Rename, as_yaml, carry, ontology_versions, version_uri
from tasks.labels.values import BadLabel, Value, as_text, as_value, with_classes
from tasks.store import views
from tasks.store.commit import write
from tasks.store.errors import UsageError
from tasks.store.ids import make_id
from tasks.store.root import Root
from tasks.store.schema import ANNOTATIONS


@dataclass(frozen=True)
class Applied:
    """What bringing in an ontology did, or would do.

    Attributes:
        ontology: the version that counts now.
        is_new: whether it is one.
        carried: annotations that were carried over to it.
        outdated: samples whose labels have to be made again.
    """

    ontology: Ontology
    is_new: bool
    carried: int
    outdated: list[str]


def apply_ontology(root: Root, stated: Ontology, *, dry_run: bool = False) -> Applied:
    """Make an ontology the newest version of its name. What is the newest already changes nothing.

    Labels that its changes touch are carried over by a new row each; the old rows stay as they were.

    Raises:
        UsageError: its changes do not lead from the version before to this one.
    """
    versions = ontology_versions(root, stated.name)
    newest = versions[-1] if versions else None
    if newest and _same(newest, stated):
        return _carried_over(root, versions, is_new=False, dry_run=dry_run)
    fresh = stated.model_copy(update={"version": len(versions) + 1})
    _refuse_gaps(newest, fresh)
    if not dry_run:
        if not root.storage.create(version_uri(root, fresh.name, fresh.version), as_yaml(fresh)):
            raise UsageError(f"The ontology {fresh.name} was changed by somebody else just now; look at it first.")
        root.storage.write(root.at("ontologies", f"{fresh.name}.yaml"), as_yaml(fresh))
    return _carried_over(root, [*versions, fresh], is_new=True, dry_run=dry_run)


def conform_or_carry(root: Root, ontology: Ontology, value: Value) -> Value:
    """The canonical value by the newest version; what only an older one allows is carried over to it.

    Raises:
        BadLabel: no version allows it, or nobody can tell what it is now.
    """
    try:
        return ontology.conform(value)
    except BadLabel:
        versions = ontology_versions(root, ontology.name)
        for place in range(len(versions) - 2, -1, -1):
            try:
                old = versions[place].conform(value)
            except BadLabel:
                continue
            carried = _carried(old, [change for version in versions[place + 1 :] for change in version.changes])
            if carried is not None:
                return ontology.conform(carried)
        raise


def outdated_samples(root: Root, ontology: str) -> list[str]:
    """Samples whose label has to be made again since their class was split or retired, and was not yet."""
    sql = """SELECT DISTINCT sample_id FROM annotations a WHERE ontology = ? AND status = 'outdated'
        AND NOT EXISTS (SELECT 1 FROM labels l WHERE l.sample_id = a.sample_id AND l.ontology = a.ontology)
        ORDER BY sample_id"""
    rows: list[tuple[str]] = views.connect(root).execute(sql, [ontology]).fetchall()
    return [row[0] for row in rows]


def _same(one: Ontology, other: Ontology) -> bool:
    """Whether nothing but the version differs; a file that states no changes is the same as before, too."""
    plain = [each.model_dump(exclude={"version", "changes"}) for each in (one, other)]
    return plain[0] == plain[1] and other.changes in ([], one.changes)


def _refuse_gaps(before: Ontology | None, after: Ontology) -> None:
    if before is None:
        if after.changes:
            raise UsageError(f"{after.name} is new here: there is nothing that its changes could be about.")
        return
    if before.type != after.type:
        raise UsageError(f"{before.name} asks for {before.type}, not for {after.type}: give another type another name.")
    known = set(before.class_names)
    for change in after.changes:
        old = set(change.old) if isinstance(change, Merge) else {change.old}
        if not old <= known:
            raise UsageError(f"{before.name} has no class {min(old - known)!r} to {change.kind}.")
        known = (known - old) | _made(change)
    lost, unknown = known - set(after.class_names), _promised(after) - set(after.class_names)
    if unknown:
        raise UsageError(f"A change of {after.name} leads to {min(unknown)!r}, which is not among its classes.")
    if lost:
        raise UsageError(
            f"{min(lost)!r} is no class of {after.name} any more: say under `changes` what became of it "
            "(rename, merge, split or retire)."
        )


def _made(change: Change) -> set[str]:
    match change:
        case Rename() | Merge():
            return {change.new}
        case _:
            return set(getattr(change, "new", []))


def _promised(after: Ontology) -> set[str]:
    """Classes that changes lead to, and no later change leads away from."""
    left: set[str] = set()
    for change in after.changes:
        left -= set(change.old) if isinstance(change, Merge) else {change.old}
        left |= _made(change)
    return left


def _carried_over(root: Root, versions: list[Ontology], *, is_new: bool, dry_run: bool) -> Applied:
    """Labels of the versions before, as the newest has them; done already, nothing is left to do."""
    rows = list(_carried_rows(root, versions))
    outdated = sorted({row["sample_id"] for row in rows if row["status"] == "outdated"})
    if not dry_run and rows:
        write(root, ANNOTATIONS.name, pa.Table.from_pylist(rows, schema=ANNOTATIONS.schema))
    return Applied(versions[-1], is_new, len(rows), outdated)


def _carried_rows(root: Root, versions: list[Ontology]) -> Iterator[dict[str, Any]]:
    now, newest = datetime.now(UTC), versions[-1]
    sql = "SELECT * FROM standing WHERE ontology = ? AND ontology_version < ? AND status <> 'outdated'"
    found = views.connect(root).sql(sql, params=[newest.name, newest.version]).to_arrow_table()
    for row in found.to_pylist():
        value = as_value(row["value"])
        since = [change for version in versions[row["ontology_version"] :] for change in version.changes]
        carried = _carried(value, since)
        if carried == value:
            continue
        changed = {"status": "outdated"} if carried is None else {"value": as_text(carried)}
        yield (
            row
            | changed
            | {
                "annotation_id": make_id(row["annotation_id"], newest.name, newest.version),
                "replaces": row["annotation_id"],
                "ontology_version": newest.version,
                "created_at": now,
            }
        )


def _carried(value: Value, changes: list[Change]) -> Value | None:
    """The value after all changes; None if a person has to make it again."""
    for change in changes:
        was = value
        try:
            value = with_classes(value, carry(change))
        except BadLabel:
            return None
        if change.kind == "split" and value != was:
            return None
    return value
