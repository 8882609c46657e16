"""What was decided stays decided: released is what was judged, the rest stays held, a lost plan stops nobody else."""

from pathlib import Path
from typing import Any

from tasks.gate.settle import discard, release
from tasks.ingest.retry import rejects
from tasks.store import staging
from tasks.store.plans import plan_uri
from tasks.store.storage import to_path
from tests.embed.conftest import checkpoint  # noqa: F401
from tests.made import Maker, jpeg, photograph
from tests.pipeline import curate, doubled_keys, opened, rows, select, settings_for


def held_selection(maker: Maker, root: Path) -> tuple[Any, list[str]]:
    """Settings under which a selection of five is held, and the samples that were judged."""
    maker.photographs(20)
    settings = settings_for(maker.folder, root, gates__selected__mode="approve", select__budget=5)
    curate(settings)
    assert select(settings).held == ["selection-1"]
    judged = staging.read_rows(opened(settings), staging.staged_uris(opened(settings), "selection-1")[0])
    assert judged is not None
    return settings, judged["sample_id"].to_pylist()


def selected(settings: Any, name: str) -> list[str]:
    sql = f"SELECT sample_id FROM selections WHERE selection = '{name}' ORDER BY rank"
    return [row["sample_id"] for row in rows(settings, sql)]


def test_release__commits_the_picks_that_were_judged(maker: Maker, tmp_path: Path) -> None:
    settings, judged = held_selection(maker, tmp_path / "root")
    maker.photographs(20, first=100)
    curate(settings)
    release(opened(settings), "selection-1", "looked at")
    other = settings_for(maker.folder, tmp_path / "root", select__budget=3)
    select(other)
    assert selected(settings, "selection-1") == judged


def test_held_selection__is_overtaken_and_loses_to_what_was_selected_meanwhile(maker: Maker, tmp_path: Path) -> None:
    settings, judged = held_selection(maker, tmp_path / "root")
    maker.photographs(5, first=100)
    curate(settings)
    auto = settings_for(maker.folder, tmp_path / "root", gates__selected__mode="approve", select__budget=12)
    from flows.select import select as flow

    assert flow.fn(auto, "second").data.held == ["selection-1", "second"]
    release(opened(settings), "second", "fine")
    select(auto)
    release(opened(settings), "selection-1", "fine too")
    select(auto)
    second = selected(settings, "second")
    assert len(second) == 12
    assert set(judged) & set(second), "the two overlap, or nothing is shown here"
    assert selected(settings, "selection-1") == [sample for sample in judged if sample not in second]
    folders = {place.parent.name for place in (tmp_path / "root" / "handoff").glob("*/selection.csv")}
    assert folders == {"selection-1", "second"}


def test_release__leaves_what_others_hold_alone(maker: Maker, tmp_path: Path) -> None:
    """Whoever releases one batch does not judge the others anew, whatever settings the command has."""
    maker.photographs(4)
    strict = settings_for(maker.folder, tmp_path / "root", gates__ingested__mode="approve")
    first = curate(strict).held[0]
    maker.photographs(4, first=50)
    second = next(batch for batch in curate(strict).held if batch != first)
    release(opened(strict), first, "fine")
    plain = settings_for(maker.folder, tmp_path / "root")
    from flows.curate import curate as flow

    assert flow.fn(plain, None, rejudge=False).data.held == [second]
    assert rows(plain, "SELECT count(*) AS n FROM samples") == [{"n": 4}]


def test_discard__after_ingest_holds_for_the_same_bytes_anywhere(maker: Maker, tmp_path: Path) -> None:
    """What was given up is a reject wherever it turns up, is not opened again, and no object is lost from the count."""
    maker.photographs(3)
    maker.write("copy.jpg", jpeg(photograph(1)))
    settings = settings_for(maker.folder, tmp_path / "root", gates__deduplicated__mode="approve")
    held = curate(settings).held[0]
    discard(opened(settings), held, "wrong site")
    maker.write("elsewhere.jpg", jpeg(photograph(2)))
    plain = settings_for(maker.folder, tmp_path / "root")
    curate(plain)
    found = rows(plain, "SELECT outcome, reason, count(*) AS n FROM objects GROUP BY ALL")
    assert found == [{"outcome": "reject", "reason": "discarded", "n": 5}]
    assert len(rejects(opened(plain), "discarded", None)) == 0


def test_lost_plan__is_held_and_stops_no_other_batch(maker: Maker, tmp_path: Path) -> None:
    maker.photographs(4)
    strict = settings_for(maker.folder, tmp_path / "root", gates__ingested__mode="approve")
    lost = curate(strict).held[0]
    to_path(plan_uri(opened(strict), lost)).write_bytes(b"PAR1 no")
    settings = settings_for(maker.folder, tmp_path / "root")
    maker.photographs(4, first=50)
    summary = curate(settings)
    assert lost in summary.held
    assert rows(settings, "SELECT count(*) AS n FROM kept WHERE source_uri LIKE '%0005_.jpg'") == [{"n": 4}]
    discard(opened(settings), lost, "its plan is gone")
    curate(settings)
    assert curate(settings).held == []
    assert rows(settings, "SELECT count(*) AS n FROM samples") == [{"n": 8}]
    assert doubled_keys(settings) == {}


def test_again__a_held_batch_of_samples_to_embed_again_is_overtaken(
    maker: Maker,
    tmp_path: Path,
    checkpoint: Path,  # noqa: F811
) -> None:
    maker.photographs(6)
    curate(settings_for(maker.folder, tmp_path / "root"))
    model = {"embed__model": "auto", "embed__checkpoint": str(checkpoint)}
    strict = settings_for(maker.folder, tmp_path / "root", gates__embedded__mode="approve", **model)
    held = curate(strict).held
    assert [name[:2] for name in held] == ["e-"]
    maker.photographs(1, first=50)
    settings = settings_for(maker.folder, tmp_path / "root", **model)
    from flows.curate import curate as flow

    assert flow.fn(settings, None, rejudge=False).data.held == held
    assert rows(settings, "SELECT count(*) AS n FROM samples") == [{"n": 7}]
    release(opened(settings), held[0], "fine")
    summary = curate(settings)
    assert held[0] in summary.batches
    assert rows(settings, "SELECT count(*) AS n FROM embeddings WHERE model <> 'descriptor-1'") == [{"n": 7}]
