"""Outliers: the samples that are farthest from their neighbours, found without comparing all."""

import numpy as np
import pytest

from tasks.report import outliers
from tasks.report.neighbours import NEIGHBOURS, neighbour_distance
from tasks.report.outliers import find_outliers
from tasks.report.projection import FEWEST, draw_map
from tasks.store import tables
from tasks.store.root import Root
from tests.report.test_projection import MODEL, embed, islands
from tests.select.test_strategies import unit


def brute(vectors: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Mean distance to the nearest rows of the reference, which starts with the same rows."""
    expected = []
    for place, vector in enumerate(vectors):
        cosines = [float(vector @ other) for number, other in enumerate(reference) if number != place]
        expected.append(1 - np.mean(sorted(cosines)[-NEIGHBOURS:]))
    return np.array(expected)


def test_neighbour_distance__equals_brute_force() -> None:
    vectors = unit(120, 8, 1)
    names = [str(number) for number in range(120)]
    for reference in (vectors, vectors[:50]):
        found = neighbour_distance(vectors, names, reference, names[: len(reference)])
        assert found == pytest.approx(brute(vectors, reference), abs=1e-5)


def test_find_outliers__are_those_that_brute_force_finds(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outliers, "AT_A_TIME", 20)
    ids = embed(root, np.concatenate([islands(FEWEST, 1)[0], islands(300, 2)[0], unit(6, 336, 9)]))
    draw_map(root, MODEL, ids[:FEWEST])
    drawn = draw_map(root, MODEL, ids)
    dataset = tables.open_table(root, MODEL["table"])
    vectors = tables.matrix(tables.lookup(dataset, "sample_id", ids, ["vector"])["vector"])
    distances = brute(vectors, vectors)
    farthest = np.argsort(-distances)[:10]
    for seen in (drawn, None):
        found = find_outliers(dataset, ids, seen, 10)
        assert [one.sample_id for one in found] == [ids[place] for place in farthest]
        assert [one.distance for one in found] == pytest.approx(distances[farthest], abs=1e-4)


def test_find_outliers__of_too_few(root: Root) -> None:
    ids = embed(root, islands(NEIGHBOURS, 1)[0])
    assert find_outliers(tables.open_table(root, MODEL["table"]), ids, None, 10) == []
    assert find_outliers(None, ids * 3, None, 10) == []
