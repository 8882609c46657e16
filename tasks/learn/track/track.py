"""Tell the trackers of a model: once, after it is on file, so that whatever breaks off is told when it is run again."""

import json
from typing import Any

from tasks.learn.models.file import ModelConfig, model_uri, read_config
from tasks.learn.settings import LearnSettings
from tasks.learn.track import mlflow_runs
from tasks.store.errors import Unreachable, UsageError
from tasks.store.root import Root
from tasks.store.staging import settings_hash
from tasks.store.storage import in_bucket, to_path

UNTRACKED = "Not tracked in MLflow: the root is in a bucket, so learn.tracking_uri has to name a server."


def refuse_tracker_away(root: Root, settings: LearnSettings) -> None:
    """Notice before anything is trained that it could not be tracked. Raises UsageError."""
    place = tracking_place(root, settings)
    if place is not None:
        mlflow_runs.refuse_away(place)
    if settings.tracker == "wandb":
        from tasks.learn.track.wandb_runs import refuse_missing

        refuse_missing()


def track_fit(root: Root, config: ModelConfig, settings: LearnSettings) -> list[str]:
    """Track a model that is on file, unless it was; notes for the user."""
    place = tracking_place(root, settings)
    if place is None:
        return [UNTRACKED]
    if _tracked(root, config.version).get("place") != place:
        refuse_tracker_away(root, settings)
        run_id = mlflow_runs.log_fit(root, config, place)
        _note(root, config.version, {"place": place, "run_id": run_id})
    return []


def log_evaluation(root: Root, version: str, evaluation: dict[str, Any], settings: LearnSettings) -> None:
    """Tell the trackers how good a model is: W&B once an evaluation, MLflow if it has a run of it.

    Raises:
        UsageError: one of them is away.
    """
    config, tracked = read_config(root, version), _tracked(root, version)
    if "place" in tracked:
        mlflow_runs.log_evaluation(tracked["place"], tracked["run_id"], evaluation, config.model_dump_json(indent=2))
    told = settings_hash(evaluation)
    if settings.tracker == "wandb" and tracked.get("wandb") != told:
        from tasks.learn.track.wandb_runs import log_run

        log_run(root, config, evaluation)
        _note(root, version, {"wandb": told})


def set_alias(root: Root, version: str, alias: str, settings: LearnSettings) -> None:
    """Give a registered model the alias champion or challenger; nothing where it is not tracked. Raises UsageError."""
    tracked = _tracked(root, version)
    if "place" in tracked and tracking_place(root, settings) is not None:
        mlflow_runs.set_alias(tracked["place"], tracked["run_id"], version, alias)


def track_anew(root: Root) -> str | None:
    """Replace what an MLflow server keeps of predictions and evaluations of models by what the root has of them now.

    A sentence if it does not answer. What MLflow keeps in a folder of the root is changed where it lies.
    """
    for version in sorted(root.storage.names(root.at("models"))):
        tracked = _tracked(root, version)
        if tracked.get("place", "").startswith("http"):
            try:
                mlflow_runs.log_anew(root, version, tracked["place"], tracked["run_id"])
            except UsageError as error:
                return f"What MLflow has of it stays for now: {error}"
    return None


def tracking_place(root: Root, settings: LearnSettings) -> str | None:
    """MLflow's tracking URI: of the settings, else a database in the folder of the root; none for one in a bucket."""
    if settings.tracking_uri:
        if not settings.tracking_uri.startswith(("http://", "https://")):
            raise UsageError(f"learn.tracking_uri is {settings.tracking_uri!r}; it has to be an http(s) address.")
        return settings.tracking_uri.rstrip("/")
    return None if in_bucket(root.uri) else f"sqlite:///{to_path(root.at('mlflow', 'mlflow.db'))}"


def _tracked(root: Root, version: str) -> dict[str, str]:
    """Where a model is tracked, and as which run; empty if it is not."""
    try:
        found: dict[str, str] = json.loads(root.storage.read(_uri(root, version)))
    except (Unreachable, ValueError):
        return {}
    return found


def _note(root: Root, version: str, more: dict[str, str]) -> None:
    """Keep where a model is tracked, beside what is kept of that already."""
    root.storage.write(_uri(root, version), json.dumps({**_tracked(root, version), **more}, indent=1).encode())


def _uri(root: Root, version: str) -> str:
    return model_uri(root, version, "tracked.json")
