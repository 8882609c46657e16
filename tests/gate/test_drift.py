"""A camera that goes bad: its batch is held alone and named, the others go through."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tasks.gate.checks import Suite
from tasks.gate.drift import add_drift
from tasks.gate.settings import GateSettings
from tasks.gate.settle import release
from tasks.store.commit import Resolved, commit
from tasks.store.errors import UsageError
from tasks.store.root import Root
from tasks.store.schema import SAMPLES
from tests.made import Maker, jpeg, photograph
from tests.pipeline import curate, opened, rows, settings_for
from tests.store.test_commit import plan

DAY_S = 86_400


def samples(root: Root, days: int, each: int = 40, **columns: Any) -> None:
    """Commit samples of cam-1, `each` on each of `days`, at noon and at midnight: days are bright, nights dark."""
    plan(root, "b")
    made = [
        {
            "sample_id": f"{day}-{number}-{hour}", "batch_id": "b", "sensor_id": "cam-1", "metadata": '{"site": "s"}',
            "captured_at": (day * DAY_S + hour * 3600) * 1_000_000, "sharpness": 0.1,
            "brightness": (0.5 if hour else 0.1) + 0.01 * (number % 3) + 0.02 * (day % 2), **columns,
        }
        for day in range(days) for number in range(each // 2) for hour in (0, 12)
    ]  # fmt: skip
    rows = pa.Table.from_pylist(made, schema=SAMPLES.schema)
    commit(root, "b", "ingest", lambda _log: Resolved([(SAMPLES, rows)], {}))


def judged(root: Root, brightness: float, hour: int = 12, count: int = 60, **gate: Any) -> dict[str, Any]:
    """What is told of a batch of cam-1: whether each measure is as usual, and how."""
    taken = pd.Timestamp("1970-02-01", tz="UTC") + pd.Timedelta(hours=hour)
    batch = pd.DataFrame(
        {"sensor_id": "cam-1", "metadata": '{"site": "s"}', "captured_at": taken, "brightness": brightness,
         "sharpness": 0.1}, index=range(count),
    )  # fmt: skip
    made = add_drift(root, Suite([]), batch, GateSettings(ingested={"by": "sensor_id", **gate}))  # type: ignore[arg-type]
    if not made.checks:
        return {}
    return {**made.frames["drift"].iloc[0].to_dict(), "severity": made.checks[0].severity}


@pytest.mark.parametrize(
    ("brightness", "hour", "usual"), [(0.5, 12, True), (0.3, 12, False), (0.1, 0, True), (0.5, 0, False)]
)
def test_add_drift__compares_with_earlier_days_at_the_same_hours(
    root: Root, brightness: float, hour: int, usual: bool
) -> None:
    samples(root, 10)
    assert judged(root, brightness, hour)["brightness"] == usual
    assert judged(root, brightness, hour)["sharpness"]
    assert judged(root, brightness, hour, by="site")["brightness"] == usual


def test_add_drift__says_what_is_usual_and_how_bad_it_is(root: Root) -> None:
    samples(root, 10)
    assert judged(root, 0.21)["brightness_told"] == "cam-1: brightness 0.21, usually 0.36-0.68"
    assert judged(root, 0.21)["severity"] == "critical"
    assert judged(root, 0.21, drift="warn")["severity"] == "warning"
    assert judged(root, 0.21, count=49)["severity"] == "warning"
    assert judged(root, 0.21, drift="off") == judged(root, 0.21, count=9) == judged(root, 0.21, min_earlier=201) == {}
    assert judged(root, 0.21, min_drift=0.7)["brightness"]
    assert judged(root, 0.21, max_drift=30)["brightness"]
    assert judged(root, float("nan")) == {}


def test_add_drift__by_something_unknown_is_a_mistake(root: Root) -> None:
    with pytest.raises(UsageError, match="no object has a column or metadata key 'weather'"):
        judged(root, 0.5, by="weather")


def test_curate__holds_a_darkened_camera_alone_and_names_it(maker: Maker, tmp_path: Path) -> None:
    def day(number: int, dark: str | None = None) -> None:
        for place, camera in enumerate(("cam-1", "cam-2", "cam-3")):
            for seed in range(12):
                scene = photograph(10_000 * number + 100 * place + seed).astype(np.float32)
                scene = scene * 0.45 if camera == dark else scene
                maker.write(f"north/{camera}/2026-05-{number:02d}/{seed}.jpg", jpeg(scene.astype(np.uint8)))
        maker.write(f"stray/{number}.jpg", jpeg(photograph(number)))

    settings = settings_for(
        maker.folder, tmp_path / "root", ingest__metadata__path="{site}/{sensor_id}/{date}/*", gates__min_objects=10,
        gates__ingested={"by": "sensor_id", "min_earlier": 20},
    )  # fmt: skip
    for number in (1, 2):
        day(number)
    summary = curate(settings)
    assert (summary.held, len(summary.batches)) == ([], 4)
    day(3, dark="cam-2")
    held = curate(settings).held
    assert len(held) == 1
    waiting = "SELECT sensor_id, count(*) AS n FROM objects WHERE outcome = 'held' GROUP BY ALL"
    assert rows(settings, waiting) == [{"sensor_id": "cam-2", "n": 12}]
    assert rows(settings, "SELECT count(*) AS n FROM kept WHERE metadata->>'$.date' = '2026-05-03'") == [{"n": 24}]
    failed = rows(settings, "SELECT expectation, observed FROM gates WHERE NOT success AND severity = 'critical'")
    assert "brightness as usual, by sensor_id" in {row["expectation"] for row in failed}
    assert all(row["observed"].startswith("cam-2: ") for row in failed)
    release(opened(settings), held[0], "a new filter")
    assert curate(settings).held == []
    assert rows(settings, "SELECT count(*) AS n FROM kept WHERE metadata->>'$.date' = '2026-05-03'") == [{"n": 36}]
