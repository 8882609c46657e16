"""The map: alike lies together, and what was drawn once never moves."""

import numpy as np
import pyarrow as pa

from tasks.report.projection import FEWEST, SIDE, Map, draw_map, lay_out, place
from tasks.store import tables
from tasks.store.root import Root
from tasks.store.schema_vectors import embeddings
from tests.report.scene import DIMENSIONS, ISLANDS, column_of, vectors_of

MODEL = {"name": "made", "table": "embeddings_made"}


def islands(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Vectors around ISLANDS centres, and which centre each is of."""
    chance = np.random.default_rng(seed)
    island = chance.integers(0, ISLANDS, count)
    return vectors_of(island, chance), island


def purity(positions: np.ndarray, island: np.ndarray, known: np.ndarray, of_known: np.ndarray) -> float:
    """Share of points whose nearest known point, themselves aside, is of the same island."""
    away = ((positions[:, None].astype(float) - known[None]) ** 2).sum(2)
    away[away == 0] = np.inf
    return float(np.mean(of_known[away.argmin(1)] == island))


def embed(root: Root, vectors: np.ndarray, first: int = 0, model: str = "made") -> list[str]:
    """Write vectors as the stage does; the ids of the samples."""
    ids = [f"{number:08d}" for number in range(first, first + len(vectors))]
    same = {name: pa.repeat(name, len(ids)) for name in ("model", "batch_id")}
    rows = pa.table({"sample_id": ids, "vector": column_of(vectors), **same})
    tables.insert(root, embeddings(model, DIMENSIONS), rows)
    return ids


def test_map__alike_lies_together_and_newcomers_join_their_like() -> None:
    (vectors, island), (new, of_new) = islands(400, 1), islands(200, 2)
    positions = lay_out(vectors)
    assert purity(positions, island, positions, island) > 0.98
    assert purity(place(new, vectors, positions), of_new, positions, island) > 0.98
    assert positions.max() <= SIDE
    assert np.array_equal(positions, lay_out(vectors))


def drawn(root: Root, ids: list[str], model: dict[str, str] = MODEL, **options: bool) -> Map:
    """A map that is there."""
    found = draw_map(root, model, ids, **options)
    assert found is not None
    return found


def test_draw_map__what_was_drawn_never_moves(root: Root) -> None:
    ids = embed(root, islands(FEWEST + 20, 1)[0])
    first = drawn(root, ids[:FEWEST])
    more = embed(root, islands(50, 3)[0], first=1000)
    second = drawn(root, [*ids, *more])
    assert (len(first.landmarks), len(second.landmarks), len(second.ids)) == (FEWEST, FEWEST, len(ids) + 50)
    where = dict(zip(second.ids, second.positions.tolist(), strict=True))
    assert [where[sample] for sample in first.ids] == first.positions.tolist()
    third = drawn(root, [*more, "never embedded"])
    assert third.positions.tolist() == [where[sample] for sample in more]


def test_draw_map__waits_for_enough_samples(root: Root) -> None:
    ids = embed(root, islands(FEWEST, 1)[0])
    assert draw_map(root, None, ids) is None
    assert draw_map(root, MODEL, ids[:-1]) is None
    assert len(drawn(root, ids).landmarks) == FEWEST


def test_draw_map__is_laid_out_anew_when_asked_and_for_another_model(root: Root) -> None:
    ids = embed(root, islands(FEWEST + 50, 1)[0])
    drawn(root, ids[:FEWEST])
    anew = drawn(root, ids, anew=True)
    assert (len(anew.landmarks), anew.made_from) == (FEWEST + 50, FEWEST + 50)
    assert np.array_equal(drawn(root, ids).positions, anew.positions)
    embed(root, islands(FEWEST, 5)[0], model="other")
    other = drawn(root, ids[:FEWEST], {"name": "other", "table": "embeddings_other"})
    assert len(other.landmarks) == FEWEST
