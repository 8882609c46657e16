"""Events that flows emit for automations and people. They are for show: one that is lost changes nothing."""

from typing import Any

HOLD = "winnow.gate.hold"
WARN = "winnow.gate.warn"
WAITING = "winnow.gate.waiting"
LABELLED = "winnow.labels.committed"
PROMOTED = "winnow.model.promoted"


def resource_of(name: str) -> str:
    """What the events of a root are about: the id of its resource, by the name of its service."""
    return f"winnow.root.{name}"


def tell(name: str, event: str, payload: dict[str, Any], **labels: str) -> None:
    """Emit an event, where a flow runs.

    Args:
        name: of the service.
        event: which.
        payload: what is told; no field may be called `keys`, which templates take for the method.
        labels: what automations can choose by, as `transition`.
    """
    from prefect.events import emit_event

    if not in_a_run():
        return
    resource = {"prefect.resource.id": resource_of(name), "prefect.resource.name": name}
    emit_event(event, resource | {f"winnow.{label}": value for label, value in labels.items()}, payload=payload)


def in_a_run() -> bool:
    """Whether this is a flow run of Prefect, and not the plain function."""
    from prefect.context import FlowRunContext

    return FlowRunContext.get() is not None
