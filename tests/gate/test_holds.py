"""Each of the four gates made to hold: nothing is committed, others overtake, a person settles it."""

import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

from tasks.gate.settle import discard, release
from tasks.report.status import status
from tasks.store.errors import UsageError
from tests.made import Maker, jpeg, photograph
from tests.pipeline import content, curate, doubled_keys, opened, rows, select, settings_for, versions

STAGES = {
    "ingested": "objects",
    "deduplicated": "duplicates",
    "embedded": "embeddings_descriptor_1",
    "selected": "selections",
}

TIGHT: dict[str, dict[str, Any]] = {
    "ingested": {"gates__min_objects": 1, "gates__ingested": {"max_reject_share": 0.0}},
    "deduplicated": {"gates__min_objects": 1, "gates__deduplicated": {"max_duplicate_share": 0.0}},
    "embedded": {"gates__min_objects": 1, "gates__embedded": {"max_mean_cosine": -1}},
    "selected": {"gates__selected": {"mode": "approve"}},
}
"""Settings under which a gate holds the batch that `messy` makes."""


def messy(maker: Maker) -> None:
    """Ten photographs, a near-copy, a broken file."""
    maker.photographs(10)
    maker.write("near.jpg", jpeg(cv2.resize(photograph(3), (80, 60), interpolation=cv2.INTER_AREA)))
    maker.write("broken.jpg", b"\xff\xd8 no")


def run(settings: Any) -> list[str]:
    summary = curate(settings)
    return [*summary.held, *select(settings).held]


Hold = Callable[[str], tuple[Any, list[str]]]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The mess, for tests that add nothing to it."""
    maker = Maker(tmp_path_factory.mktemp("mess") / "source")
    messy(maker)
    return maker.folder


@pytest.fixture(scope="module")
def held_once(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, list[str]]]:
    """By gate, a root in which it holds the mess, and what it holds; made once."""

    @functools.cache
    def made(gate: str) -> tuple[Path, list[str]]:
        root = tmp_path_factory.mktemp(gate) / "root"
        return root, run(settings_for(source, root, **TIGHT[gate]))

    return made


@pytest.fixture
def hold(source: Path, held_once: Callable[[str], tuple[Path, list[str]]], tmp_path: Path) -> Hold:
    """By gate, settings of a root of its own in which it holds the mess, and what it holds."""

    def copied(gate: str) -> tuple[Any, list[str]]:
        root, held = held_once(gate)
        shutil.copytree(root, tmp_path / "root")
        return settings_for(source, tmp_path / "root", **TIGHT[gate]), held

    return copied


@pytest.fixture(scope="module")
def calm(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What there is when no gate holds the mess."""
    settings = settings_for(source, tmp_path_factory.mktemp("calm") / "root")
    assert run(settings) == []
    return content(settings)


@pytest.mark.parametrize("gate", TIGHT)
def test_hold__commits_nothing_and_is_told(gate: str, hold: Hold) -> None:
    settings, held = hold(gate)
    assert len(held) == 1
    assert STAGES[gate] not in versions(settings)
    found = status(opened(settings), "")
    assert [one["batch"] for one in found["held"]] == held
    if gate != "selected":
        assert found["held"][0]["failed"][0]["observed"]
    assert held[0] in found["next"]


@pytest.mark.parametrize("gate", TIGHT)
def test_hold__again_doubles_nothing_and_others_go_through(gate: str, maker: Maker, tmp_path: Path) -> None:
    messy(maker)
    settings = settings_for(maker.folder, tmp_path / "root", **TIGHT[gate])
    held = run(settings)
    before = versions(settings)
    assert run(settings) == held
    assert versions(settings) == before
    if gate == "selected":
        return
    maker.photographs(1, first=500)
    curate(settings)
    assert rows(settings, "SELECT count(*) AS n FROM kept WHERE source_uri LIKE '%00500%'") == [{"n": 1}]


@pytest.mark.parametrize("gate", TIGHT)
def test_release__commits_as_if_never_held(gate: str, hold: Hold, calm: dict[str, Any]) -> None:
    settings, held = hold(gate)
    release(opened(settings), held[0], "seen, fine")
    assert run(settings) == []
    assert content(settings) == calm
    events = rows(settings, 'SELECT event, note, "by" FROM batches WHERE event = $$released$$')
    assert events[0]["note"] == "seen, fine"
    assert events[0]["by"]


def test_release__near_copies_across_the_two_batches_are_found(maker: Maker, tmp_path: Path) -> None:
    messy(maker)
    settings = settings_for(maker.folder, tmp_path / "root", **TIGHT["ingested"])
    held = run(settings)[0]
    maker.write("meanwhile.jpg", jpeg(photograph(5), 60))
    maker.write("meanwhile-same.jpg", jpeg(photograph(6)))
    run(settings)
    assert rows(settings, "SELECT count(*) AS n FROM kept") == [{"n": 2}]
    release(opened(settings), held, "fine")
    run(settings)
    names = rows(
        settings,
        """SELECT split_part(s.source_uri, '/', -1) AS repeat, split_part(k.source_uri, '/', -1) AS kept
        FROM duplicates d JOIN samples s ON s.sample_id = d.sample_id JOIN samples k ON k.sample_id = d.kept_id""",
    )
    assert {"repeat": "00005.jpg", "kept": "meanwhile.jpg"} in names
    copies = rows(settings, "SELECT uri FROM objects WHERE outcome = 'copy'")
    assert [row["uri"].rsplit("/", 1)[1] for row in copies] == ["00006.jpg"]
    assert doubled_keys(settings) == {}


def test_discard__at_ingest_leaves_rejects_with_the_note(hold: Hold) -> None:
    settings, held = hold("ingested")
    discard(opened(settings), held[0], "camera 7 was covered")
    assert run(settings) == []
    found = rows(settings, "SELECT outcome, reason, detail, count(*) AS n FROM objects GROUP BY ALL")
    assert found == [{"outcome": "reject", "reason": "discarded", "detail": "camera 7 was covered", "n": 12}]
    assert rows(settings, "SELECT * FROM samples") == []


@pytest.mark.parametrize("gate", ["deduplicated", "embedded"])
def test_discard__later_hides_the_samples(gate: str, hold: Hold) -> None:
    settings, held = hold(gate)
    discard(opened(settings), held[0], "no")
    assert run(settings) == []
    for view in ("samples", "kept", "duplicates", "embeddings"):
        assert rows(settings, f"SELECT * FROM {view}") == []
    assert rows(settings, "SELECT DISTINCT outcome FROM objects") == [{"outcome": "reject"}]


def test_discard__a_selection_leaves_the_pool_as_it_was(hold: Hold) -> None:
    settings, held = hold("selected")
    discard(opened(settings), held[0], "no")
    assert run(settings) == []
    assert rows(settings, "SELECT * FROM selections") == []


def test_held__is_judged_again_when_its_gate_changed(hold: Hold, source: Path, tmp_path: Path) -> None:
    settings, _ = hold("ingested")
    other = settings_for(source, tmp_path / "root", gates__deduplicated={"mode": "warn"}, **TIGHT["ingested"])
    assert run(other)
    assert run(settings_for(source, tmp_path / "root")) == []
    assert rows(settings, "SELECT count(*) AS n FROM samples") == [{"n": 11}]


def test_approve__holds_a_good_batch_at_every_gate(maker: Maker, tmp_path: Path) -> None:
    maker.photographs(6)
    gates = {f"gates__{gate}__mode": "approve" for gate in TIGHT}
    settings = settings_for(maker.folder, tmp_path / "root", **gates)
    for number in range(4):
        held = run(settings)
        assert len(held) == 1, number
        release(opened(settings), held[0], f"step {number}")
    assert run(settings) == []
    assert rows(settings, "SELECT count(*) AS n FROM selections") == [{"n": 6}]


def test_warn__never_holds(maker: Maker, tmp_path: Path) -> None:
    messy(maker)
    gates = {f"gates__{gate}__mode": "warn" for gate in TIGHT}
    settings = settings_for(
        maker.folder, tmp_path / "root", gates__min_objects=1, gates__ingested__max_reject_share=0.0, **gates
    )
    assert run(settings) == []
    assert rows(settings, "SELECT count(*) AS n FROM gates WHERE NOT success") == [{"n": 1}]


def test_settle__needs_a_hold_and_a_note(maker: Maker, tmp_path: Path) -> None:
    maker.photographs(2)
    settings = settings_for(maker.folder, tmp_path / "root")
    run(settings)
    batch = rows(settings, "SELECT batch_id FROM batches WHERE event = 'planned'")[0]["batch_id"]
    for subject, note, words in (
        (batch, "why", "is not held"),
        ("b-nothing", "why", "no batch"),
        (batch, " ", "Say why"),
    ):
        with pytest.raises(UsageError, match=words):
            release(opened(settings), subject, note)
