"""Snapshot: labels -> manifest with sides -> gate -> commit."""

from typing import Any

from prefect import flow
from prefect.runtime import flow_run

from flows.curate import finished
from flows.publish import publish_summary
from flows.run import Run, held_snapshots
from flows.settings import Settings
from tasks.learn.snapshots.make import commit_snapshot, make_snapshot, wanted_snapshot
from tasks.store.root import WAITING, locked, open_root


@flow(name="snapshot")
def snapshot(settings: Settings, name: str | None = None, rejudge: bool = True) -> Any:
    """Freeze the labels of now under a name, each sample on its side.

    Args:
        settings: all of them; the root at least.
        name: of the snapshot; without it one is made when labels changed.
        rejudge: judge again what is held by a gate whose settings changed.

    Returns:
        A Summary; in a state named `Held` if the gate held the snapshot.
    """
    root = open_root(settings.root_uri)
    with locked(root, WAITING):
        run = Run(settings, str(flow_run.id or ""), rejudge=rejudge)
        freeze(run, name)
        publish_summary("snapshot", run.summary, {})
    return finished(run.summary)


def freeze(run: Run, name: str | None) -> str | None:
    """Labels to a snapshot; the name of the one that was committed."""
    held = held_snapshots(run.opened, run.gates)
    run.summary.held += held
    wanted = wanted_snapshot(run.opened, run.settings.learn, name, held)
    if wanted.name is None:
        run.hint(f"No snapshot: {wanted.why}.")
        return None
    run.summary.batches.append(wanted.name)
    if run.due(wanted.name, "snapshot", "split"):
        with run.at_work(wanted.name, "snapshot"):
            staged = make_snapshot(run.root, wanted.name, run.settings.learn)
            run.hint(_left_out(staged.facts))
            run.hint(_elsewhere(staged.facts.get("elsewhere", [])))
            if run.passes("split", staged):
                run.count(commit_snapshot(run.root, wanted.name, staged))
    return wanted.name if run.done(wanted.name, "snapshot") else None


def _left_out(facts: dict[str, Any]) -> str:
    """Labels that are not in the snapshot, in words."""
    told = [f"{number} {why}" for why, number in sorted(facts.get("left_out", {}).items())]
    for why, samples in (("that repeat a picture of another side", "bridges"), ("that are torn between sides", "torn")):
        found = facts.get(samples, [])
        if found:
            told.append(f"{len(found)} {why} ({', '.join(found[:3])}{', ...' if len(found) > 3 else ''})")
    return f"Labels left out: {', '.join(told)}." if told else ""


def _elsewhere(samples: list[str]) -> str:
    """Samples that are not on the side that conditions name, in words."""
    if not samples:
        return ""
    return (
        f"{len(samples)} samples stay on the side that an older snapshot gave them, though learn.split names another "
        f"by now ({samples[0]}): no sample changes sides. Labels of another ontology begin anew."
    )
