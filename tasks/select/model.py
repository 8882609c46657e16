"""Whose predictions strategies use."""

from tasks.labels.champion import champion_of
from tasks.select.settings import SelectSettings
from tasks.store import views
from tasks.store.errors import UsageError
from tasks.store.log import Log
from tasks.store.root import Root


def predicting_model(root: Root, log: Log, settings: SelectSettings, ontology: str | None = None) -> str | None:
    """The model of the settings; else the champion; else the only one with predictions. None where none is needed.

    Args:
        root: where the dataset is.
        log: of the root.
        settings: the model, if one is named, and the strategies.
        ontology: whose champion; without it, whichever was promoted last.

    Raises:
        UsageError: a strategy needs predictions, and it is open whose, or there are none.
    """
    champion = champion_of(log, ontology)
    if settings.model is None and (champion is not None or not settings.reads_predictions):
        return champion.batch_id if champion is not None else None
    rows = views.connect(root).execute("SELECT DISTINCT model_version FROM predictions ORDER BY 1").fetchall()
    models = [row[0] for row in rows]
    if settings.model is not None and settings.model not in models:
        raise UsageError(f"select.model: there are no predictions of {settings.model!r}; of: {_listed(models)}.")
    if settings.model is None and len(models) != 1:
        if models:
            raise UsageError(f"select.model: say whose predictions strategies use: {_listed(models)}.")
        raise UsageError(
            "select.strategies: predictions are asked for and there are none: `winnow learn` trains a model, "
            "`winnow predictions import` takes in those of yours."
        )
    return settings.model or str(models[0])


def _listed(models: list[str]) -> str:
    return ", ".join(models[:10]) or "none"
