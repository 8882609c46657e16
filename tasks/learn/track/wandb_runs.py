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

    Raises:
        UsageError: W&B is not installed, or it is to be told over the network and does not take it.
    """
    refuse_missing()
    import wandb

    place = Path(gettempdir()) if in_bucket(root.uri) else to_path(root.uri)
    told: dict[str, Any] = {key: value for key, value in config.settings.items() if key != "curves"}
    told |= {"snapshot": config.snapshot, "snapshot_hash": config.snapshot_hash, "kind": config.kind}
    mode: Any = os.environ.get("WANDB_MODE", OFFLINE)
    try:
        with wandb.init(
            project=f"winnow-{config.ontology}",
            id=config.version,
            name=config.version,
            config=told,
            dir=str(place),
            resume="allow",
            mode=mode,
        ) as run:
            for epoch, figures in enumerate(config.settings["curves"]):
                run.log(figures, step=epoch)
            run.summary.update(_metrics(evaluation["metrics"]))
            if evaluation.get("confusion"):
                run.log({"confusion": _confusion(evaluation["confusion"])})
    except wandb.errors.Error as error:
        words = (str(error) or type(error).__name__).strip().splitlines()[0][:200]
        raise UsageError(f"Weights & Biases refused or is away ({words}); run the same command again.") from error


def _metrics(metrics: dict[str, dict[str, float | None]]) -> dict[str, float]:
    """By names as `test/accuracy` and `test/accuracy low`."""
    return {
        f"test/{name}" if bound == "value" else f"test/{name} {bound}": value
        for name, figures in metrics.items()
        for bound, value in figures.items()
        if value is not None
    }


def _confusion(confusion: dict[str, Any]) -> Any:
    """Rows are labels, columns what was predicted."""
    import wandb

    names = confusion["classes"]
    rows = [[name, *line] for name, line in zip(names, confusion["counts"], strict=True)]
    return wandb.Table(["label", *names], rows)
