"""What the Prefect server does by itself about the runs of a root: ends what is lost, starts it again, tells people."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.utilities.urls import url_for

from flows.events import HOLD, WAITING, WARN, resource_of
from flows.service import ServiceSettings

ENDED = {f"prefect.flow-run.{state}" for state in ("Completed", "Held", "Failed", "Cancelled", "TimedOut")}
CRASHED = "prefect.flow-run.Crashed"
RUN: dict[str, Any] = {"prefect.resource.id": "prefect.flow-run.*"}
HEARTBEAT = "prefect.flow-run.heartbeat"


def prefix_of(name: str) -> str:
    """How the names of all automations of a root begin."""
    return f"winnow {name}: "


def watching(service: ServiceSettings, deployments: list[UUID]) -> list[AutomationCore]:
    """Runs of these deployments that are lost are marked crashed; those that crashed are started again, as they were.

    A run may be done again: every stage goes on from what is staged, and twice is once.
    """
    ours = _runs_of(deployments)
    crashed = ChangeFlowRunState(state=StateType.CRASHED, message="No sign of life: its process or machine is gone.")
    again = ChangeFlowRunState(state=StateType.SCHEDULED, name="AwaitingRetry", message="It was lost: started again.")
    pending, running = "prefect.flow-run.Pending", "prefect.flow-run.Running"
    watched = [
        AutomationCore(
            name=f"{prefix_of(service.name)}a run without a sign of life is marked crashed",
            trigger=_silence(ours, {HEARTBEAT}, {HEARTBEAT, CRASHED} | ENDED, service.silent_s),
            actions=[crashed],
        ),
        AutomationCore(
            name=f"{prefix_of(service.name)}a run that never begins is started again",
            trigger=_silence(ours, {pending}, {running} | ENDED, service.starting_s),
            actions=[again],
        ),
    ]
    if service.restarts:
        counts = [str(count) for count in range(1, service.restarts + 1)]
        once_crashed = _reaction({CRASHED}, RUN | {"prefect.run-count": counts}, ours)
        name = f"{prefix_of(service.name)}a run that crashed is started again"
        watched.append(AutomationCore(name=name, trigger=once_crashed, actions=[again]))
    return watched


def telling(service: ServiceSettings, deployments: list[UUID], blocks: list[UUID]) -> list[AutomationCore]:
    """People are told of holds, of sources that look odd, of failed runs, and again of what waits."""
    if not blocks:
        return []
    verdict = "{{ event.payload.subject }}: {{ event.payload.why }}\n\n{{ event.payload.settle }}"
    name = service.name
    ours = _runs_of(deployments)
    failed = _reaction({"prefect.flow-run.Failed", "prefect.flow-run.TimedOut"}, RUN, ours)
    given_up = _reaction({CRASHED}, RUN | {"prefect.run-count": str(service.restarts + 1)}, ours)
    page = url_for("flow-run", "{{ flow_run.id }}")
    message = f"{{{{ flow.name }}}}: {{{{ flow_run.state.message }}}}\n\n{page}"
    told = [
        ("a gate holds", _verdict(name, HOLD), "gate {{ event.payload.transition }} holds", verdict),
        (
            "what comes in looks odd",
            _verdict(name, WARN, "ingested"),
            "the source looks odd: many rejects, or a drift",
            verdict,
        ),
        ("a hold waits long", _verdict(name, WAITING), "a decision is still asked for", verdict),
        ("a run failed", failed, "a run failed", message),
        ("a run crashed for good", given_up, f"a run crashed {service.restarts + 1} times, and is given up", message),
    ]
    return [
        AutomationCore(
            name=f"{prefix_of(name)}{what}",
            trigger=trigger,
            actions=[
                SendNotification(block_document_id=block, subject=f"winnow {name}: {subject}", body=body)
                for block in blocks
            ],
        )
        for what, trigger, subject, body in told
    ]


def _silence(ours: ResourceSpecification, after: set[str], expect: set[str], seconds: int) -> EventTrigger:
    """One of `after`, and for so long none of `expect`."""
    return EventTrigger(
        after=after,
        expect=expect,
        match=_resource(RUN),
        match_related=ours,
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        within=timedelta(seconds=seconds),
    )


def _verdict(name: str, event: str, transition: str | None = None) -> EventTrigger:
    labels: dict[str, Any] = {"prefect.resource.id": resource_of(name)}
    if transition:
        labels["winnow.transition"] = transition
    return _reaction({event}, labels, _resource({}))


def _reaction(expect: set[str], labels: dict[str, Any], related: ResourceSpecification) -> EventTrigger:
    """Any of these events, about such a resource."""
    return EventTrigger(
        expect=expect, match=_resource(labels), match_related=related, posture=Posture.Reactive, threshold=1
    )


def _runs_of(deployments: list[UUID]) -> ResourceSpecification:
    return _resource(
        {
            "prefect.resource.role": "deployment",
            "prefect.resource.id": [f"prefect.deployment.{one}" for one in deployments],
        }
    )


def _resource(labels: dict[str, Any]) -> ResourceSpecification:
    return ResourceSpecification.model_validate(labels)
