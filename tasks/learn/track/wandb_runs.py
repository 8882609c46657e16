"""Weights & Biases: one run a model version; it stays on this machine unless the user sets WANDB_MODE."""

import importlib.util
import os
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from tasks.learn.models.file import ModelConfig
from tasks.store.errors import UsageError
from tasks.store.root import Root
from tasks.store.storage import in_bucket, to_path

OFFLINE = "offline"


def refuse_missing() -> None:
    """Raises UsageError unless it is installed."""
    if importlib.util.find_spec("wandb") is None:
        raise UsageError("learn.tracker: wandb is not installed; `pip install wandb`, or take the setting out.")


def log_run(root: Root, config: ModelConfig, evaluation: dict[str, Any]) -> None:
    """Track a model that was evaluated: settings, snapshot, curves, metrics with their intervals, confusion.

    Told at once, since what is kept on this machine is one folder a run. The same version goes on with the same run.
    """
    refuse_missing()
    os.environ.setdefault("WANDB_MODE", OFFLINE)
    import wandb

    place = Path(gettempdir()) if in_bucket(root.uri) else to_path(root.uri)
    told: dict[str, Any] = {key: value for key, value in config.settings.items() if key != "curves"}
    told |= {"snapshot": config.snapshot, "snapshot_hash": config.snapshot_hash, "kind": config.kind}
    run = wandb.init(
        project=f"winnow-{config.ontology}",
        id=config.version,
        name=config.version,
        config=told,
        dir=str(place),
        resume="allow",
    )
    for epoch, figures in enumerate(config.settings["curves"]):
        run.log(figures, step=epoch)
    run.summary.update(
        {
            f"test/{name}" if bound == "value" else f"test/{name} {bound}": value
            for name, figures in evaluation["metrics"].items()
            for bound, value in figures.items()
            if value is not None
        }
    )
    if evaluation.get("confusion"):
        run.log({"confusion": _confusion(evaluation["confusion"])})
    run.finish()


def _confusion(confusion: dict[str, Any]) -> Any:
    """Rows are labels, columns what was predicted."""
    import wandb

    names = confusion["classes"]
    rows = [[name, *line] for name, line in zip(names, confusion["counts"], strict=True)]
    return wandb.Table(["label", *names], rows)
