"""Run the benchmarks: all of them, or those that are named, as `python -m tests.benchmarks ingest growth`."""

import importlib
import logging
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.benchmark import Result, Skipped

NAMES = (
    "ingest", "videos", "peers", "embed", "finetune", "diversity", "coverage", "selection", "label_efficiency", "edits",
    "duplicates", "label_errors", "memory", "growth",
)  # fmt: skip
ROW = "{:<58} {:>10} {:>8} {:>8}  {}"


def main(names: list[str]) -> int:
    """Print a row a figure; 1 if one is below its floor, 2 if a name is wrong."""
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        print(f"There is no benchmark {', '.join(unknown)}; there are: {', '.join(NAMES)}.", file=sys.stderr)
        return 2
    _alone()
    logging.disable(logging.INFO)
    print(ROW.format("what", "measured", "aim", "floor", ""))
    results = [result for name in names or NAMES for result in _results(name)]
    return int(any(not result.reaches(result.floor) for result in results))


def _results(name: str) -> list[Result]:
    started = time.perf_counter()
    results = []
    with tempfile.TemporaryDirectory(prefix=f"winnow-{name}-") as place:
        try:
            for result in importlib.import_module(f"tests.benchmarks.{name}").measured(Path(place)):
                results.append(result)
                _print(result)
        except Skipped as reason:
            print(f"{name}: skipped, {reason}")
    print(f"    ({name}: {time.perf_counter() - started:.0f} s)", flush=True)
    return results


def _print(result: Result) -> None:
    bound = "<=" if result.lower else ">="
    limits = [f"{bound} {limit:g}" for limit in (result.aim, result.floor)]
    print(ROW.format(result.title, f"{result.ratio:.3g} {result.unit}".strip(), *limits, result.verdict))
    print(f"    {result.detail}", flush=True)


def _alone() -> None:
    """No hub, no settings file and no server of the user has a say."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    for name in ("WINNOW_ROOT", "WINNOW_CONFIG", "PREFECT_API_URL"):
        os.environ.pop(name, None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
