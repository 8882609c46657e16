"""What learn has to do now, without doing anything: known before Prefect is started."""

from collections.abc import Collection

from tasks.labels.champion import STAGE, champion_of, models_of
from tasks.labels.ontology import read_ontology
from tasks.learn.fit.version import kind_of, version_of
from tasks.learn.models.pool import anything_to_predict
from tasks.learn.models.promote import released_models
from tasks.learn.settings import LearnSettings
from tasks.learn.snapshots.labelled import NotYet, ontology_to_learn
from tasks.learn.snapshots.make import wanted_snapshot
from tasks.learn.snapshots.manifest import names_of
from tasks.store import choices
from tasks.store.log import read_log
from tasks.store.root import Root


def anything_to_learn(root: Root, settings: LearnSettings, held: Collection[str] = (), *, trains: bool = True) -> bool:
    """Whether a run of learn would do anything.

    Args:
        root: where the dataset is.
        settings: of learn.
        held: snapshots that wait for a decision.
        trains: whether it may train a model, or only predict with the champion.

    Raises:
        UsageError: there is something to train that the settings forbid, or nothing is embedded yet.
    """
    if released_models(root):
        return True
    if trains and (wanted_snapshot(root, settings, None, held).name or snapshot_to_train(root, settings)):
        return True
    return bool(champions_to_predict(root, settings))


def trains_unasked(root: Root, settings: LearnSettings) -> bool:
    """Whether a run that nobody asked to learn trains: what takes seconds, or what the settings name."""
    if settings.command:
        return True
    if choices.recall(root, choices.EMBEDDING) is None:
        return False
    if settings.fit.method == "finetune":
        return True
    try:
        return ontology_to_learn(root, settings.ontology).type in ("class", "multilabel")
    except NotYet:
        return False


def snapshot_to_train(root: Root, settings: LearnSettings) -> str | None:
    """The newest snapshot of the ontology to learn, of any if none is named; None if its model is settled already.

    Settled is a model by these settings that is promoted, refused or held.

    Raises:
        UsageError: as `anything_to_learn`.
    """
    log = read_log(root)
    named = names_of(log, settings.ontology) if settings.ontology else log.visible("snapshot")
    newest = next(reversed(named), None)
    if newest is None:
        return None
    ontology = read_ontology(root, log.batches[newest].planned.counts["ontology"])
    model = log.batches.get(version_of(root, newest, kind_of(ontology.type, settings), settings))
    settled = model and (STAGE in model.committed or model.discarded or model.held)
    return None if settled else newest


def champions_to_predict(root: Root, settings: LearnSettings) -> list[str]:
    """The champion of the ontology to learn, of each if none is named; those of which the pool lacks predictions."""
    log = read_log(root)
    learned = dict.fromkeys(batch.planned.counts["ontology"] for batch in models_of(log, settings.ontology))
    champions = [champion.batch_id for ontology in learned if (champion := champion_of(log, ontology))]
    return [champion for champion in champions if anything_to_predict(root, champion, settings.predict_command)]
