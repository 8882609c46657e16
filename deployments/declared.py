"""What deployments/prefect.yaml declares, with the settings of one root filled in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule
from prefect.events import DeploymentEventTrigger
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema
from prefect.utilities.templating import apply_values
from pydantic import Field, ValidationError

from flows.service import ServiceSettings
from tasks.store.errors import UsageError
from tasks.store.settings import StrictModel

FILE = Path(__file__).with_name("prefect.yaml")


class DeclaredPool(StrictModel):
    """A work pool and its queues: name and priority, a lower number goes first."""

    name: str
    type: str
    description: str
    queues: dict[str, int]


class DeclaredPlace(StrictModel):
    """Where a deployment runs."""

    name: str
    work_queue_name: str
    job_variables: dict[str, Any] = Field(default_factory=dict)


class DeclaredSchedule(StrictModel):
    """When it starts by itself; without a cron expression, never."""

    cron: str | None
    timezone: str


class DeclaredLimit(StrictModel):
    """How many of its runs may be at work."""

    limit: int
    collision_strategy: str


class DeclaredDeployment(StrictModel):
    """One entry of the file."""

    name: str
    entrypoint: str
    description: str
    tags: list[str]
    parameters: dict[str, Any]
    enforce_parameter_schema: bool
    schedules: list[DeclaredSchedule] = Field(default_factory=list)
    triggers: list[dict[str, Any]] = Field(default_factory=list)
    concurrency_limit: DeclaredLimit | None = None
    work_pool: DeclaredPlace

    def flow(self) -> Flow[..., Any]:
        """The flow behind it."""
        return load_flow_from_entrypoint(self.entrypoint, use_placeholder_flow=False)

    def cron_schedules(self) -> list[DeploymentScheduleCreate]:
        """Its schedules. Raises UsageError if one is no cron expression."""
        made = []
        for one in self.schedules:
            if one.cron is not None:
                try:
                    schedule = CronSchedule(cron=one.cron, timezone=one.timezone)
                except ValidationError as error:
                    raise UsageError(
                        f"service.schedules: {one.cron!r} is no cron expression; write one as '5 * * * *'."
                    ) from error
                made.append(DeploymentScheduleCreate(schedule=schedule, active=True))
        return made

    def event_triggers(self) -> list[DeploymentEventTrigger]:
        """The events that start it."""
        return [DeploymentEventTrigger.model_validate({"type": "event", **one}) for one in self.triggers]

    def form(self) -> dict[str, Any]:
        """The JSON schema of its parameters: what the form asks, and what the API refuses."""
        return parameter_schema(self.flow()).model_dump(exclude_unset=True)


class Declared(StrictModel):
    """The whole file."""

    work_pool: DeclaredPool
    deployments: list[DeclaredDeployment]


def read_declared(service: ServiceSettings, config: str) -> Declared:
    """Read the file for one root.

    Args:
        service: fills in what stands in double braces.
        config: the settings file, as the worker sees it.

    Raises:
        UsageError: somebody edited the file, and something in it is wrong.
    """
    try:
        stated = yaml.safe_load(FILE.read_text())
        filled = apply_values(stated, {"service": service.model_dump(mode="json"), "config": config})
        return Declared.model_validate({name: filled[name] for name in ("work_pool", "deployments")})
    except (OSError, KeyError, TypeError, yaml.YAMLError, ValidationError) as error:
        raise UsageError(f"{FILE.name} cannot be used: {' '.join(str(error).split())}") from error
