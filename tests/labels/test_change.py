from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.labels.change import apply_ontology, outdated_samples
from tasks.labels.ontology import Ontology, as_ontology, as_yaml, ontology_versions, read_ontology
from tasks.labels.rows import Annotation, annotation_rows
from tasks.labels.values import as_value
from tasks.store import tables, views
from tasks.store.commit import write
from tasks.store.errors import UsageError
from tasks.store.root import Root
from tasks.store.schema import ANNOTATIONS

CLOTHES: dict[str, Any] = {"name": "clothes", "type": "class", "classes": ["boots", "shoes", "pants", "hat"]}


def ontology(**stated: Any) -> Ontology:
    return Ontology.model_validate(CLOTHES | stated)


def labelled(root: Root, by: Ontology, values: dict[str, str]) -> None:
    made = [Annotation(sample, {"class": name}, "ann") for sample, name in values.items()]
    write(root, "annotations", annotation_rows(made, "human", by))


def labels(root: Root) -> dict[str, str]:
    rows = views.query(root, "SELECT sample_id, value FROM labels").to_pylist()
    return {row["sample_id"]: as_value(row["value"])["class"] for row in rows}


def test_every_version_stays_on_file_and_the_same_again_is_none(root: Root) -> None:
    assert apply_ontology(root, ontology()).is_new
    assert not apply_ontology(root, ontology()).is_new
    changed = ontology(classes=["boots", "shoes", "pants", {"name": "hat", "definition": "worn on the head"}])
    assert apply_ontology(root, changed).ontology.version == 2
    assert [one.version for one in ontology_versions(root, "clothes")] == [1, 2]
    newest = read_ontology(root, "clothes")
    assert as_ontology(as_yaml(newest), "here") == newest
    assert as_ontology(root.storage.read(root.at("ontologies", "clothes.yaml")), "there") == newest


def test_merged_renamed_and_retired_classes_carry_their_labels_and_split_ones_are_made_again(root: Root) -> None:
    first = apply_ontology(root, ontology()).ontology
    labelled(root, first, {"a": "boots", "b": "shoes", "c": "pants", "d": "hat", "e": "hat"})
    before = tables.open_table(root, "annotations").to_table().to_pylist()
    second = ontology(
        classes=["footwear", "jeans", "shorts", "cap"],
        changes=[
            {"kind": "merge", "old": ["boots", "shoes"], "new": "footwear"},
            {"kind": "split", "old": "pants", "new": ["jeans", "shorts"]},
            {"kind": "rename", "old": "hat", "new": "cap"},
        ],
    )
    looked = apply_ontology(root, second, dry_run=True)
    assert (looked.is_new, looked.carried, looked.outdated) == (True, 5, ["c"])
    assert labels(root)["a"] == "boots"
    done = apply_ontology(root, second)
    assert labels(root) == {"a": "footwear", "b": "footwear", "d": "cap", "e": "cap"}
    assert outdated_samples(root, "clothes") == ["c"]
    assert [row for row in tables.open_table(root, "annotations").to_table().to_pylist() if row in before] == before
    assert apply_ontology(root, second).carried == 0
    labelled(root, done.ontology, {"c": "jeans"})
    assert outdated_samples(root, "clothes") == []


def test_a_migration_that_broke_off_is_finished_by_the_next_one(root: Root) -> None:
    first = apply_ontology(root, ontology()).ontology
    labelled(root, first, {"a": "boots"})
    apply_ontology(
        root,
        ontology(
            classes=["shoes", "pants", "hat", "clogs"], changes=[{"kind": "rename", "old": "boots", "new": "clogs"}]
        ),
    )
    labelled(root, first, {"b": "boots"})  # collected late, made by the version before
    third = ontology(
        classes=["shoes", "pants", "hat", "sabots"], changes=[{"kind": "rename", "old": "clogs", "new": "sabots"}]
    )
    apply_ontology(root, third)
    assert labels(root) == {"a": "sabots", "b": "sabots"}


@pytest.mark.parametrize(
    ("stated", "why"),
    [
        ({"classes": ["boots"]}, "what became of it"),
        ({"type": "boxes"}, "another type"),
        ({"changes": [{"kind": "rename", "old": "socks", "new": "hat"}]}, "no class 'socks'"),
        (
            {"classes": ["shoes", "pants", "hat"], "changes": [{"kind": "rename", "old": "boots", "new": "clogs"}]},
            "'clogs', which is not among",
        ),
    ],
)
def test_changes_that_lead_nowhere_are_refused(root: Root, stated: dict[str, Any], why: str) -> None:
    apply_ontology(root, ontology())
    with pytest.raises(UsageError, match=why):
        apply_ontology(root, ontology(**stated))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"name: [", "no YAML"),
        (b"- 1", "wrong"),
        (b"name: a/b\ntype: class\nclasses: [x]", "no name"),
        (b"name: a\ntype: class\nclasses: [x, x]", "twice"),
        (b"name: a\ntype: shape\nclasses: [x]", "type"),
    ],
)
def test_a_wrong_ontology_is_told_in_words(content: bytes, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        as_ontology(content, "here.yaml")


def test_the_one_truth_is_reviewed_before_consensus_before_human_before_import_and_never_a_models(root: Root) -> None:
    by = apply_ontology(root, ontology()).ontology
    day = datetime(2026, 1, 1, tzinfo=UTC)

    def put(name: str, origin: Any, **more: Any) -> str:
        made = Annotation("s", {"class": name}, more.pop("by", "ann"), **more)
        write(root, ANNOTATIONS.name, annotation_rows([made], origin, by))
        return made.id(origin, by)

    put("hat", "model", status="reviewed")
    assert labels(root) == {}
    put("boots", "import", created_at=day.replace(day=9))
    assert labels(root) == {"s": "boots"}
    human = put("shoes", "human", created_at=day)
    assert labels(root) == {"s": "shoes"}
    put("hat", "human", created_at=day.replace(day=2), by="bob", status="blind")
    assert labels(root) == {"s": "shoes"}
    put("pants", "human", by="consensus", status="consensus", created_at=day)
    assert labels(root) == {"s": "pants"}
    reviewed = put("hat", "human", by="lead", status="reviewed", created_at=day, replaces=human)
    assert labels(root) == {"s": "hat"}
    put("hat", "human", by="lead", status="deleted", replaces=reviewed)
    assert labels(root) == {"s": "pants"}
