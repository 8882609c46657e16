"""The default strategy: coverage first, then what is uncertain, and chance where vectors tell nothing."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from tasks.labels.probe import fit_probe
from tasks.labels.values import as_text
from tasks.select.default import Default, _trust
from tasks.select.pool import Pool
from tests.select.test_strategies import picked, pool_of, unit


def labelled(pool: Pool, chosen: np.ndarray, classes: np.ndarray) -> Pool:
    texts = [as_text({"class": f"c{one}"}) for one in classes]
    before = pa.table({"label": pa.array(texts, pa.string()), "ontology": ["made"] * len(texts)})
    return replace(pool, chosen=chosen, before=before)


def clusters(sizes: dict[int, int], seed: int, noise: float = 0.15) -> tuple[np.ndarray, np.ndarray]:
    """Unit rows around known centres, and their clusters."""
    chance = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(8, 16))
    kinds = np.repeat(list(sizes), list(sizes.values()))
    rows = centres[kinds] + noise * chance.normal(size=(len(kinds), 16)) * np.linalg.norm(centres[0]) / 4
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), kinds


def test_default__without_labels_finds_every_cluster_at_once() -> None:
    vectors, kinds = clusters(dict.fromkeys(range(8), 30), 0)
    found = picked(pool_of(vectors), 8, "default")
    assert set(kinds[[int(name) for name in found.ids]]) == set(range(8))
    assert found.told["asked"] == ["default"]
    assert found.told["reached"]["coverage"]["after"] > found.told["reached"]["coverage"]["before"] == 0


def test_default__without_labels_rare_kinds_are_found_among_common_ones() -> None:
    """Of eight kinds, one fifty times as common as the others: coverage alone stays with what is common."""
    vectors, kinds = clusters({0: 500, **dict.fromkeys(range(1, 8), 10)}, 0, noise=0.9)
    found = [
        len({int(kinds[int(name)]) for name in picked(pool_of(vectors), 10, strategy).ids})
        for strategy in ("default", "coverage")
    ]
    assert found[0] > found[1]


def test_default__any_prefix_is_what_a_smaller_budget_picks() -> None:
    pool = pool_of(unit(200, 16, 2))
    assert picked(pool, 30, "default").ids[:10] == picked(pool, 10, "default").ids


def test_default__with_labels_goes_where_classes_meet() -> None:
    """Two classes that lie apart, and two that a probe cannot tell apart: the labels go to the latter."""
    vectors, kinds = clusters(dict.fromkeys(range(4), 60), 1)
    known, classes = clusters({0: 8, 1: 8, 2: 16}, 2)
    classes[16:] = np.random.default_rng(0).permutation([2] * 8 + [3] * 8)
    pool = labelled(pool_of(vectors), known, classes)
    shares = [
        np.isin(kinds[[int(name) for name in picked(one, 12, "default").ids]], [0, 1]).mean()
        for one in (pool, replace(pool, before=pool.before.slice(0, 0)))
    ]
    assert shares[0] < shares[1]


def test_default__is_drawn_towards_random_where_vectors_tell_nothing() -> None:
    chance = np.random.default_rng(0)
    vectors, known = unit(300, 16, 3, centres=300), unit(200, 16, 4, centres=200)
    informed = labelled(pool_of(vectors), known, (known[:, 0] > 0).astype(int))
    blind = labelled(pool_of(vectors), known, chance.integers(0, 2, len(known)))
    trusted = [Default().terms(pool)[0].strength for pool in (informed, blind)]
    assert trusted[0] == 1
    assert trusted[1] < 0.6
    random = picked(pool_of(vectors), 40, "random").ids
    alike = [len({*random} & {*picked(pool, 40, "default").ids}) for pool in (informed, blind)]
    assert alike[1] > alike[0]


def test_default__does_not_trust_what_it_saw_in_another_frame_of_the_recording() -> None:
    """Frames of a recording look alike and have one class, which has nothing to do with how it looks."""
    tapes = np.repeat(np.arange(40), 10)
    frames = unit(40, 32, 1, centres=40)[tapes] + 0.05 * unit(400, 32, 2, centres=400)
    known = (frames / np.linalg.norm(frames, axis=1, keepdims=True)).astype(np.float32)
    pool = labelled(pool_of(unit(50, 32, 3, centres=50)), known, np.random.default_rng(0).permutation(40)[tapes] % 4)
    grouped = replace(pool, before=pool.before.append_column("group", pa.array([f"tape {one}" for one in tapes])))
    trusted = [Default().terms(one)[0].strength for one in (pool, grouped)]
    assert trusted[0] == 1
    assert trusted[1] < 0.5


def test_trust__is_whole_before_anything_is_known() -> None:
    vectors = unit(4, 8, 0)
    labels = np.array([0, 1, 2, 3])
    assert _trust(fit_probe(vectors, labels, 4), labels) == 1


def test_default__takes_the_champions_margin_where_labels_are_no_classes() -> None:
    vectors, kinds = clusters(dict.fromkeys(range(8), 30), 0)
    pool = pool_of(vectors, **{"predictions.margin": [0.9 if kind == 5 else 0.01 for kind in kinds]})
    assert kinds[int(picked(pool, 1, "default").ids[0])] == 5
