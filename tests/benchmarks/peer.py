"""Run a program among the peers: imagededup and cleanvision live in an environment of their own, .venv-bench."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.benchmarks.benchmark import Skipped

PYTHON = Path(__file__).parents[2] / ".venv-bench" / "bin" / "python"


def told_by(program: str, *arguments: Path) -> dict[str, Any]:
    """The JSON that a program of this folder prints last. Raises Skipped where the peers are not installed."""
    if not PYTHON.exists():
        raise Skipped("no .venv-bench: `make bench` makes it")
    command = [PYTHON, Path(__file__).with_name(program), *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True)
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return told
