"""Accuracy of a probe against labels spent, for four ways to choose them, on a clean pool and on a dirty one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa

from tasks.labels.probe import fit_probe
from tasks.labels.values import as_text
from tasks.select.order import ordered
from tasks.select.pool import Pool
from tasks.select.settings import SelectSettings
from tests.benchmarks.benchmark import Result
from tests.benchmarks.photographs import CHECKPOINT, Photographs, clothing, vectors_of
from tests.benchmarks.pictures import shared
from tests.benchmarks.typiclust import typiclust
from tests.made import jpeg
from tests.pipeline import curate, rows, settings_for

SEEDS = range(5)
BUDGETS = (10, 20, 50, 100, 200, 400, 500, 1000)
POOL_SHARE = 0.9
"""Share of the photographs that are the pool of a seed: so that what is deterministic varies, too."""

TAIL = 50
"""How much rarer the rarest class of the dirty pool is than the commonest."""

SOURCES, COPIES = 25, 10
"""Photographs of each class that are shot again in bursts, and shots of each."""

Curve = list[float]


@dataclass(frozen=True)
class Case:
    """A pool and a test side: (n, d) vectors and (n,) codes of the classes."""

    pool: np.ndarray
    labels: np.ndarray
    test: np.ndarray
    truth: np.ndarray


def measured(place: Path) -> Iterator[Result]:
    """Nothing in `default` was chosen by a look at the test side."""
    clothes = clothing()
    clean = {name: [chosen(_clean(clothes, seed), seed) for seed in SEEDS] for name, chosen in METHODS.items()}
    _print("the photographs as they are", clean)
    yield _against_the_best("clean pool", clean)
    yield _against_random("clean pool", clean)
    dirty = _dirty(clothes, place)
    raw, deduplicated = ({name: _curves(chosen, dirty, side) for name, chosen in METHODS.items()} for side in (0, 1))
    _print("the dirty pool, raw", raw)
    _print("the dirty pool as the product selects from it: without duplicates", deduplicated)
    yield _against_the_best("dirty pool, raw", raw)
    yield _against_random("dirty pool, raw", raw)
    yield _against_the_best("dirty pool without duplicates", deduplicated)
    both = {**raw, "default": deduplicated["default"]}
    yield _against_random("dirty pool", both)
    yield _labels_for("raw", raw)
    yield _labels_for("without duplicates", both)


def _curves(chosen: Callable[[Case, int], Curve], dirty: list[tuple[Case, Case]], side: int) -> list[Curve]:
    return [chosen(cases[side], seed) for seed, cases in zip(SEEDS, dirty, strict=True)]


def _with_default(case: Case, _seed: int) -> Curve:
    """In rounds, each of which knows the labels of what was chosen in earlier ones."""
    names = [f"{number:05d}" for number in range(len(case.pool))]
    columns = pa.table({"sample_id": names})
    chosen: list[int] = []
    curve = []
    for budget in BUDGETS:
        texts = [as_text({"class": str(case.labels[row])}) for row in chosen]
        before = pa.table({"label": pa.array(texts, pa.string()), "ontology": ["made"] * len(texts)})
        open_ones = np.setdiff1d(np.arange(len(case.pool)), chosen)
        pool = Pool(columns.take(pa.array(open_ones)), case.pool[open_ones], case.pool[chosen], before)
        picked = ordered(pool, budget - len(chosen), SelectSettings()).ids
        chosen += [int(name) for name in picked]
        curve.append(_accuracy(case, chosen))
    return curve


def _with_typiclust(case: Case, seed: int) -> Curve:
    chosen: list[int] = []
    curve = []
    for budget in BUDGETS:
        chosen += typiclust(case.pool, chosen, budget - len(chosen), seed)
        curve.append(_accuracy(case, chosen))
    return curve


def _at_once(strategy: str) -> Callable[[Case, int], Curve]:
    """A strategy that asks for no labels: each budget is a part of the next."""

    def curve(case: Case, seed: int) -> Curve:
        names = [f"{seed}-{number:05d}" for number in range(len(case.pool))]
        pool = Pool(pa.table({"sample_id": names}), case.pool, case.pool[:0])
        asked = SelectSettings.model_validate({"strategies": [strategy]})
        order = [int(name.split("-")[1]) for name in ordered(pool, BUDGETS[-1], asked).ids]
        return [_accuracy(case, order[:budget]) for budget in BUDGETS]

    return curve


METHODS: dict[str, Callable[[Case, int], Curve]] = {
    "random": _at_once("random"),
    "k-center": _at_once("diversity"),
    "TypiClust": _with_typiclust,
    "default": _with_default,
}


def _accuracy(case: Case, chosen: Sequence[int]) -> float:
    """Of the probe that learn fits if nobody says otherwise."""
    probe = fit_probe(case.pool[chosen], case.labels[chosen], int(case.truth.max()) + 1, balanced=True)
    return float((probe.probabilities(case.test).argmax(axis=1) == case.truth).mean())


def _clean(clothes: Photographs, seed: int) -> Case:
    train = np.array([file.startswith("train/") for file in clothes.files])
    rows = np.flatnonzero(train)
    drawn = np.random.default_rng(seed).choice(rows, round(POOL_SHARE * len(rows)), replace=False)
    return Case(clothes.vectors[drawn], clothes.truth[drawn], clothes.vectors[~train], clothes.truth[~train])


def _dirty(clothes: Photographs, place: Path) -> list[tuple[Case, Case]]:
    """For each seed a pool with a long tail and bursts; and what curate leaves of it."""
    train = [row for row, file in enumerate(clothes.files) if file.startswith("train/")]
    copies = _shoot_bursts(clothes, train, place / "source")
    vectors = vectors_of([one.read_bytes() for one, _ in copies])
    files = [clothes.files[row] for row in train] + [one.name for one, _ in copies]
    every = np.concatenate([clothes.vectors[train], vectors])
    sources = np.array([*range(len(train)), *(train.index(source) for _, source in copies)])
    truth = clothes.truth[train][sources]
    kept = _kept_of(place, files)
    clean = _clean(clothes, 0)
    cases = []
    for seed in SEEDS:
        originals = _long_tail(truth[: len(train)], seed)
        rows = np.flatnonzero(np.isin(sources, originals))
        there = set(rows.tolist())
        left = np.array([row for row in rows if kept[row] == row or kept[row] not in there])
        whole = replace(clean, pool=every[rows], labels=truth[rows])
        cases.append((whole, replace(clean, pool=every[left], labels=truth[left])))
    return cases


def _shoot_bursts(clothes: Photographs, train: list[int], source: Path) -> list[tuple[Path, int]]:
    """Write the train folders and the bursts; each shot, and the row of what it shows."""
    chance = np.random.default_rng(0)
    folder = shared("photos", "clothing")
    for row in train:
        (source / clothes.files[row]).parent.mkdir(parents=True, exist_ok=True)
        (source / clothes.files[row]).write_bytes((folder / clothes.files[row]).read_bytes())
    shots = []
    for code in np.unique(clothes.truth):
        among = [row for row in train if clothes.truth[row] == code]
        for row in chance.choice(among, SOURCES, replace=False):
            pixels = cv2.cvtColor(cv2.imread(str(folder / clothes.files[row])), cv2.COLOR_BGR2RGB)
            for number in range(COPIES):
                shot = source / "burst" / f"{row:05d}-{number}.jpg"
                shot.parent.mkdir(exist_ok=True)
                shot.write_bytes(jpeg(_again(pixels, chance), 85))
                shots.append((shot, int(row)))
    return shots


def _again(pixels: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """The next shot of a burst: moved by up to four percent of its sides, a little brighter or darker."""
    height, width = pixels.shape[:2]
    top, left = (chance.uniform(0, 0.04, 2) * (height, width)).astype(int)
    part = pixels[top : top + round(0.96 * height), left : left + round(0.96 * width)]
    return np.clip(part * chance.uniform(0.93, 1.07), 0, 255).astype(np.uint8)


def _kept_of(place: Path, files: list[str]) -> list[int]:
    """For each file the one that curate keeps in its place."""
    settings = settings_for(
        place / "source", place / "root", embed__model="auto", embed__checkpoint=str(shared(*CHECKPOINT))
    )
    curate(settings)
    told = rows(
        settings,
        "SELECT o.uri, k.source_uri AS kept FROM objects o LEFT JOIN duplicates d USING (sample_id) "
        "JOIN samples k ON k.sample_id = coalesce(d.kept_id, o.sample_id)",
    )
    number = {Path(file).name: row for row, file in enumerate(files)}
    kept = {number[Path(row["uri"]).name]: number[Path(row["kept"]).name] for row in told}
    return [kept[row] for row in range(len(files))]


def _long_tail(truth: np.ndarray, seed: int) -> np.ndarray:
    """Rows of which each class is rarer than the next larger one, the last TAIL times rarer than the first."""
    chance = np.random.default_rng(seed)
    counts = np.bincount(truth)
    drawn = []
    for place, code in enumerate(np.argsort(-counts, kind="stable")):
        size = round(int(counts.max()) * TAIL ** (-place / (len(counts) - 1)))
        drawn.append(chance.permutation(np.flatnonzero(truth == code))[:size])
    return np.concatenate(drawn)


def _against_the_best(title: str, curves: dict[str, list[Curve]]) -> Result:
    """The difference of the means over the budgets to the best of the others, in its standard errors: tied above -1."""
    means = {name: 100 * np.mean(each, axis=1) for name, each in curves.items()}
    best = max((name for name in means if name != "default"), key=lambda name: float(means[name].mean()))
    gains = means["default"] - means[best]
    error = max(float(gains.std(ddof=1)) / np.sqrt(len(gains)), 0.1)
    words = ", ".join(f"{name} {mean.mean():.1f}" for name, mean in means.items())
    return Result(f"label efficiency, {title}, default - best", float(gains.mean()) / error, 0, -1, words, unit="SE")


def _against_random(title: str, curves: dict[str, list[Curve]]) -> Result:
    """The least difference to random over the budgets, in its standard errors."""
    differences = 100 * (np.array(curves["default"]) - np.array(curves["random"]))
    errors = differences.std(axis=0, ddof=1) / np.sqrt(len(differences))
    mean = differences.mean(axis=0)
    words = ", ".join(f"{one:+.1f}" for one in mean) + " points"
    least = float((mean / np.maximum(errors, 0.1)).min())
    return Result(f"label efficiency, {title}, least - random", least, 0, -1, words, unit="SE")


def _labels_for(title: str, curves: dict[str, list[Curve]]) -> Result:
    """Labels with which default is as good as 1,000 at random."""
    asked = float(np.mean([curve[-1] for curve in curves["random"]]))
    reached = np.mean(curves["default"], axis=0)
    enough = [budget for budget, mean in zip(BUDGETS, reached, strict=True) if mean >= asked]
    words = f"random reaches {100 * asked:.1f} % with {BUDGETS[-1]:,}"
    title = f"label efficiency, dirty pool, {title}, labels"
    return Result(title, float(min(enough, default=np.inf)), 400, 400, words, lower=True)


def _print(title: str, curves: dict[str, list[Curve]]) -> None:
    """Mean accuracy in percent, and the standard error of the mean."""
    print(f"    {title}: accuracy in % (standard error), {len(SEEDS)} seeds")
    print("    " + " " * 10 + "".join(f"{budget:>13,}" for budget in BUDGETS) + "     mean")
    for name, each in curves.items():
        points = 100 * np.array(each)
        errors = points.std(axis=0, ddof=1) / np.sqrt(len(points))
        cells = [f"{mean:.1f} ({error:.1f})" for mean, error in zip(points.mean(axis=0), errors, strict=True)]
        print(f"    {name:10}" + "".join(f"{cell:>13}" for cell in cells) + f"{points.mean():9.1f}", flush=True)
