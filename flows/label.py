"""Label: send what was picked -> collect what people answered -> review -> gate -> commit."""

from typing import Any

from prefect import flow
from prefect.runtime import flow_run

from flows.curate import finished
from flows.events import LABELLED, tell
from flows.publish import publish_summary
from flows.run import Run, held_rounds
from flows.settings import Settings
from tasks.annotate.collect import Collected, collect_labels
from tasks.annotate.commit_labels import commit_labels
from tasks.annotate.place import wants_labels
from tasks.annotate.send import send_tasks
from tasks.annotate.send_again import send_again
from tasks.review.review import Reviewed, review_labels
from tasks.review.second import second_looks
from tasks.store.root import WAITING, locked, open_root
from tasks.store.staging import Staged, settings_hash


@flow(name="label")
def label(settings: Settings, rejudge: bool = True) -> Any:
    """Send tasks to annotators, take back what they answered, and review it.

    Args:
        settings: all of them; the root and `labels` at least.
        rejudge: judge again what is held by a gate whose settings changed.

    Returns:
        A Summary; in a state named `Held` if the gate held the round.
    """
    root = open_root(settings.root_uri)
    with locked(root, WAITING):
        run = Run(settings, str(flow_run.id or ""), rejudge=rejudge)
        if wants_labels(root, settings.labels):
            send(run)
        while ontology := collect(run):  # what is asked again may be answered at once
            ask_again(run, ontology)
        publish_summary("label", run.summary, {})
        if run.summary.counts["answers"]:
            tell(settings.service.name, LABELLED, dict(run.summary.counts))
    return finished(run.summary)


def send(run: Run) -> None:
    """Selection to tasks."""
    sent = send_tasks(run.root, run.settings.labels)
    if sent.added:
        run.hint(f"{sent.added} tasks for annotators: {sent.place}")


def collect(run: Run) -> str | None:
    """Answers to labels; the ontology of a round that was committed, after which another one may follow."""
    held = held_rounds(run.opened, run.gates)
    collected = collect_labels(run.root, run.settings.labels, held)
    if collected.name is None:
        run.summary.held += [name for name in held if name not in run.summary.held]
        return None
    name = collected.name
    run.summary.batches.append(name)
    if run.discarded(name):
        run.count(commit_labels(run.root, collected, None, None))
    elif run.due(name, "label", "annotated"):
        with run.at_work(name, "label"):
            to = run.opened.at("staging", name, "label")
            reviewed = review_labels(run.root, collected.ontology, collected.answers_uri, to, run.settings.review)
            run.hint(reviewed.blind.words)
            if run.passes("annotated", _to_judge(collected, reviewed)):
                run.count(commit_labels(run.root, collected, reviewed.consensus_uri, reviewed.findings_uri))
    return collected.ontology if run.done(name, "label") else None


def ask_again(run: Run, ontology: str) -> None:
    """Doubted labels to a reviewer, and a few accepted ones to somebody who does not see them."""
    second = second_looks(run.root, ontology, run.settings.review)
    for purpose, asked in (("review", second.review), ("blind", second.blind)):
        send_again(run.root, run.settings.labels, run.settings.handoff, purpose, asked)


def _to_judge(collected: Collected, reviewed: Reviewed) -> Staged:
    """What the gate looks at: the answers, and figures of both."""
    facts = collected.__dict__ | {
        "labelled": reviewed.scored,
        "suspects": reviewed.suspects,
        "agreement": reviewed.alpha,
        "compared": reviewed.shared,
    }
    return Staged(collected.name or "", "label", collected.answers_uri, facts, settings_hash(facts))
