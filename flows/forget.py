"""Forget: erase samples from the root, the label server and MLflow, and keep them from coming back.

No flow of Prefect: its server would keep what was asked for, the names of the files, as parameters of the run.
"""

import dataclasses

from flows.settings import Settings
from tasks.annotate.forget import forget_tasks
from tasks.forget.concern import Wish
from tasks.forget.forget import Erased, begin_forgetting, begun, end_forgetting, erase_everywhere, foresee
from tasks.learn.track.track import track_anew
from tasks.report.page import has_report, write_report
from tasks.store.commit import roll_forward
from tasks.store.root import LEARNING, LEARNING_LOCK, WAITING, Root, locked, open_root
from tasks.store.tombstones import forgotten


def forget(settings: Settings, wish: Wish, note: str, *, dry_run: bool = False) -> list[Erased]:
    """Forget what is asked for; and what was begun before and not finished.

    Args:
        settings: all of them; the root, and where people label.
        wish: what to forget.
        note: why; it stays on record, so it names no file.
        dry_run: change nothing, and tell what would go.
    """
    root = open_root(settings.root_uri)
    if dry_run:
        return [foresee(root, wish)]
    with locked(root, LEARNING, LEARNING_LOCK), locked(root, WAITING):
        roll_forward(root)
        begin_forgetting(root, wish, note)
        return finish_forgetting(root, settings)


def finish_forgetting(root: Root, settings: Settings) -> list[Erased]:
    """Carry everything that was begun to be forgotten to its end. To be called with both locks of the root."""
    waiting = begun(root)
    shown = has_report(root)
    done = []
    for batch in waiting:
        erased = erase_everywhere(root.uri, batch)
        samples = forgotten(root, "sample", batch).to_pylist()
        told = [forget_tasks(root.uri, samples, settings.labels), track_anew(root)]
        done.append(dataclasses.replace(erased, unreached=[one for one in told if one]))
        end_forgetting(root, done[-1])
    if shown and any(one.files for one in done):
        write_report(root.uri, cost_per_hour=settings.labels.cost_per_hour)
    return done
