"""The flow snapshot and its commands: a leak is held, what is good is listed and compared."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.snapshot import snapshot
from tasks.annotate.import_labels import import_labels
from tests.learn.snapshots.scene import HALF, with_labels, with_samples
from tests.learn.snapshots.scene import snapshot as made
from tests.made import Maker, jpeg, photograph
from tests.pipeline import curate, rows, settings_for

BLIND = {"dedupe__perceptual": {"max_distance": -1, "max_turned_distance": -1}, "dedupe__semantic__min_similarity": 2}


@pytest.mark.parametrize("blind", [True, False])
def test_snapshot__a_near_copy_on_another_side_is_held_or_left_out(blind: bool, maker: Maker, tmp_path: Path) -> None:
    maker.photographs(6, folder="train", width=320, height=240)
    maker.photographs(5, first=50, folder="test", width=320, height=240)
    maker.write("test/leak.jpg", jpeg(photograph(3, 320, 240)[:, ::-1], 60))
    named = {"test_where": "source_uri LIKE '%/test/%'"}
    settings = settings_for(
        maker.folder, tmp_path / "root", learn__split=named, learn__min_labels=4, **(BLIND if blind else {})
    )
    curate(settings)
    names = sorted(path.relative_to(maker.folder).as_posix() for path in maker.folder.rglob("*.jpg"))
    lines = [f"{name},{'cat' if place % 2 else 'dog'}" for place, name in enumerate(names)]
    (tmp_path / "in.csv").write_text("\n".join(["file,class", *lines]))
    import_labels.fn(settings.root_uri, str(tmp_path / "in.csv"), "csv", "pets")
    done = snapshot.fn(settings, "first")
    (verdict,) = (done.data if blind else done).verdicts
    leak, copied = (
        rows(settings, f"SELECT sample_id FROM samples WHERE source_uri LIKE '%{name}.jpg'")[0]["sample_id"]
        for name in ("leak", "00003")
    )
    if blind:
        assert verdict.result == "hold"
        assert [one.expectation for one in verdict.failed if one.severity == "critical"] == [
            "nothing that looks the same is on two sides"
        ]
        assert f"{leak} on test is {copied} on " in verdict.why
        assert rows(settings, "SELECT * FROM snapshots") == []
    else:
        assert verdict.result == "warn"
        assert done.counts["snapshot_samples"] == 11
        assert "1 that repeat a picture of another side" in done.hints[0]


def run(*arguments: str) -> tuple[int, Any]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, json.loads(result.stdout) if result.stdout.startswith(("{", "[")) else result.output


def test_commands__list_and_compare(root: Any) -> None:
    with_samples(root, [{"sample_id": f"{number:02d}"} for number in range(12)])
    with_labels(root, {f"{number:02d}": "cat" if number % 2 else "dog" for number in range(10)})
    first = made(root, "one", HALF)
    with_labels(root, {"00": "cat", "10": "cat", "11": "dog"})
    second = made(root, "two", HALF)
    code, listed = run("snapshots", "--json", "--root", root.uri)
    assert code == 0
    assert [(row["name"], row["parent"], row["hash"]) for row in listed] == [
        ("one", None, first.hash), ("two", "one", second.hash),
    ]  # fmt: skip
    code, found = run("diff", "one", "two", "--json", "--root", root.uri)
    assert code == 0
    assert (found["added"]["samples"], found["removed"]["samples"], found["moved"]) == (["10", "11"], [], [])
    assert found["added"]["by_class"] == {"cat": 1, "dog": 1}
    assert sum(found["added"]["by_side"].values()) == 2
    assert [(row["sample_id"], row["before"], row["after"]) for row in found["relabelled"]] == [
        ("00", '{"class":"dog"}', '{"class":"cat"}')
    ]
    code, told = run("diff", "one", "two", "--root", root.uri)
    assert (code, "relabelled  1" in told, "reviewed" in told) == (0, True, False)
    with_labels(root, {f"{number:02d}": "cat" if number % 2 else "dog" for number in range(1, 10)}, annotator="you")
    made(root, "three", HALF)
    code, found = run("diff", "two", "three", "--json", "--root", root.uri)
    assert (found["reviewed"], found["relabelled"]) == ([f"{number:02d}" for number in range(1, 10)], [])
    assert found["same_test_side"]
    code, told = run("diff", "one", "nothing", "--root", root.uri)
    assert (code, "there are: one, two" in told) == (2, True)


def test_commands__mistakes_are_one_sentence(root: Any) -> None:
    with_samples(root, [{"sample_id": "00"}])
    with_labels(root, {"00": "cat"})
    for name, why in (("first", "All 1 labels of pets are 'cat'"), ("a b", "is no name of a snapshot")):
        code, told = run("snapshot", name, "--root", root.uri)
        assert (code, told.startswith("winnow: "), why in told) == (2, True, True)
