"""What people are told of a hold: the form that settles it, and again after a while."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from flows.events import HOLD, WAITING, WARN, in_a_run, tell
from flows.settings import Settings
from tasks.gate.judge import Verdict
from tasks.report.gallery import thumbnails_staged
from tasks.store.log import read_log
from tasks.store.root import Root, open_root
from tasks.store.staging import Staged

RELEASE = "winnow release"
"""The flow whose deployment settles holds."""


@dataclass(frozen=True)
class Hold:
    """What a person needs to settle a hold.

    Attributes:
        form: address of the form in Prefect's UI; None where there is none.
        commands: the commands that do the same, in a sentence.
        pictures: some of what is held: a caption, and a small JPEG.
    """

    form: str | None
    commands: str
    pictures: list[tuple[str, bytes]]


def about_hold(settings: Settings, root: Root, verdict: Verdict, staged: Staged) -> Hold | None:
    """What is shown of a verdict if it waits for a person; a model that is worse is refused instead, and waits not."""
    if verdict.result != "hold" or (verdict.transition == "trained" and settings.gates.trained.mode != "approve"):
        return None
    form = release_form(settings.service.name, verdict.subject)
    return Hold(form, commands_for(verdict.subject), _pictures_of(root, staged) if in_a_run() else [])


def _pictures_of(root: Root, staged: Staged) -> list[tuple[str, bytes]]:
    """Pictures are for show: what is held without them is held all the same."""
    from prefect.logging import get_run_logger

    try:
        return thumbnails_staged(root, staged)
    except Exception as error:
        get_run_logger().warning("The pictures of %s could not be read: %s", staged.subject, error)
        return []


def tell_verdict(name: str, verdict: Verdict, hold: Hold | None) -> None:
    """Tell automations of a gate that holds or warns."""
    if verdict.result == "pass":
        return
    settle = (hold.form or hold.commands) if hold else ""
    told = {"subject": verdict.subject, "transition": verdict.transition, "why": verdict.why, "settle": settle}
    tell(name, HOLD if verdict.result == "hold" else WARN, told, transition=verdict.transition)


def release_form(name: str, subject: str) -> str | None:
    """Address of the form that settles a hold, with the batch filled in; None where no server has that deployment.

    Args:
        name: of the service.
        subject: the batch.
    """
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL
    from prefect.utilities.urls import url_for

    if not PREFECT_API_URL.value() or not in_a_run():
        return None
    try:
        with get_client(sync_client=True) as client:
            deployment = client.read_deployment_by_name(f"{RELEASE}/{name}")
    except Exception:  # not deployed, or the server is away: the commands are told instead
        return None
    page = url_for("deployment", deployment.id)
    filled = quote(quote(json.dumps({**deployment.parameters, "batch": subject})))  # the page decodes it twice
    return f"{page}/run?parameters={filled}"


def remind_of_holds(settings: Settings) -> list[str]:
    """Tell again, as an event, what has been held for `service.remind_hours`; a sentence each."""
    name = settings.service.name
    since = datetime.now(UTC) - timedelta(hours=settings.service.remind_hours)
    told = []
    for batch in read_log(open_root(settings.root_uri)).open_batches:
        held = batch.held
        if held is None or held.at is None or held.at > since:
            continue
        hours = (datetime.now(UTC) - held.at) / timedelta(hours=1)
        why = f"{batch.batch_id} has waited {hours:,.0f} hours before {held.stage}: {held.note or 'no reason is noted'}"
        form = release_form(name, batch.batch_id) or commands_for(batch.batch_id)
        tell(name, WAITING, {"subject": batch.batch_id, "why": why, "settle": form})
        told.append(f"{why}. Settle it: {form}")
    return told


def commands_for(subject: str) -> str:
    """The commands that settle a hold."""
    return f"`winnow release {subject} --note WHY` lets it through, `winnow discard {subject} --note WHY` gives it up."
