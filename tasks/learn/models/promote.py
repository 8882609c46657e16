"""Make a challenger the champion, or refuse it. The log decides; the registry of MLflow is told afterwards."""

import json
from typing import Any

from tasks.labels.champion import STAGE, champion_of, models_of
from tasks.learn.models.file import has_model
from tasks.learn.settings import LearnSettings
from tasks.store import staging
from tasks.store.commit import Resolved, commit, roll_forward
from tasks.store.errors import Unreachable, UsageError
from tasks.store.log import Event, Log, read_log, record
from tasks.store.root import Root, open_root
from tasks.store.schema import FINDINGS
from tasks.store.staging import Staged
from tasks.unit import unit


@unit("promote model")
def promote_model(root: str, version: str, staged: Staged, settings: LearnSettings) -> dict[str, Any]:
    """Make a model the champion, and commit the findings that its evaluation staged; its counts.

    Done already, only what the registry was not told yet is told.

    Raises:
        UsageError: somebody refused it meanwhile, or MLflow is away: then it is the champion, and MLflow is told by the
            next run.
    """
    opened = open_root(root)

    def resolve(log: Log) -> Resolved:
        if log.batches[version].discarded:
            raise UsageError(f"Model {version} was refused: `winnow promote {version} --note WHY` promotes it anyway.")
        found = next(staging.read_all(opened, [staged.rows_uri])).cast(FINDINGS.schema)
        return Resolved([(FINDINGS, found)] if len(found) else [], {"promoted": 1, "findings": len(found)})

    counts = commit(opened, version, STAGE, resolve).counts
    tell_registry(opened, settings)
    return counts


def released_models(root: Root) -> list[Staged]:
    """What was judged of each model that a person let through and that is no champion yet, by when that was decided.

    Whatever was labelled since, and whatever settings are now: a person decided about this model.
    """
    log = read_log(root)
    waiting = {batch.batch_id for batch in log.open_batches if batch.planned.stage == STAGE and batch.released}
    decided = [event.batch_id for event in log.events if event.event == "released" and event.batch_id in waiting]
    found = [(version, log.batches[version].judged) for version in decided]
    judged = [Staged(version, STAGE, root.uri + uri, {}, staging.settings_hash(uri)) for version, uri in found if uri]
    return [staged for staged in judged if staging.read_rows(root, staged.rows_uri) is not None]


@unit("refuse model")
def refuse_model(root: str, version: str, why: str, settings: LearnSettings) -> None:
    """Refuse a model, unless it was promoted or released; the champion stays. `why` is kept in the log.

    Raises:
        UsageError: MLflow is away: then it is refused, and MLflow is told by the next run.
    """
    opened = open_root(root)

    def decide(log: Log) -> Event | None:
        batch = log.batches[version]
        settled = batch.discarded or batch.released or batch.committing or STAGE in batch.committed
        return None if settled else Event(version, "discarded", STAGE, note=why)

    record(opened, decide)
    if read_log(opened).batches[version].discarded:
        staging.forget(opened, version)
    tell_registry(opened, settings)


def promote_by_hand(root: Root, version: str, note: str, settings: LearnSettings) -> str:
    """Make a model the champion that was refused, or an older one again; the ontology whose champion it is now.

    Raises:
        UsageError: nothing was noted, there is no such model, or it is the champion already.
    """
    if not note.strip():
        raise UsageError("Say why, in a word or two: --note is not to be empty.")
    roll_forward(root)

    def decide(log: Log) -> Event | None:
        _refuse_other_than_trained(root, log, version)
        champion = champion_of(log, log.batches[version].planned.counts["ontology"])
        if champion and champion.batch_id == version:
            raise UsageError(f"Model {version} is the champion already.")
        return Event(version, "committed", STAGE, counts={"promoted": 1}, note=note)

    record(root, decide)
    tell_registry(root, settings)
    return str(read_log(root).batches[version].planned.counts["ontology"])


def tell_registry(root: Root, settings: LearnSettings) -> None:
    """Bring the aliases `champion` and `challenger` in MLflow up to date with the log; told already, nothing is asked.

    The challenger is the model that was evaluated last, whatever became of it.

    Raises:
        UsageError: MLflow is away.
    """
    told, wanted = _told(root), _aliases(read_log(root))
    if told == wanted:
        return
    from tasks.learn.track.track import set_alias

    for ontology, aliases in wanted.items():
        for alias, version in aliases.items():
            if told.get(ontology, {}).get(alias) != version:
                set_alias(root, version, alias, settings)
    root.storage.write(_uri(root), json.dumps(wanted, indent=1).encode())


def _aliases(log: Log) -> dict[str, dict[str, str]]:
    """By ontology and alias, the model version."""
    aliases: dict[str, dict[str, str]] = {}
    for batch in models_of(log):
        ontology = batch.planned.counts["ontology"]
        champion = champion_of(log, ontology)
        best = {"champion": champion.batch_id} if champion else {}
        aliases[ontology] = {**best, "challenger": batch.batch_id}
    return aliases


def _told(root: Root) -> dict[str, dict[str, str]]:
    try:
        told: dict[str, dict[str, str]] = json.loads(root.storage.read(_uri(root)))
    except (Unreachable, ValueError):
        return {}
    return told


def _uri(root: Root) -> str:
    return root.at("models", "aliases.json")


def _refuse_other_than_trained(root: Root, log: Log, version: str) -> None:
    trained = [batch.batch_id for batch in models_of(log)]
    if version not in trained:
        raise UsageError(f"There is no model {version!r}; there are: {', '.join(trained[-10:]) or 'none yet'}.")
    if not has_model(root, version):
        raise UsageError(f"The files of model {version} are gone: restore them from a backup.")
