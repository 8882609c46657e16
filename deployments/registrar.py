"""Brings a Prefect server to what is declared, one object at a time: looks first, and writes only what differs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from prefect.blocks.core import Block
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.objects import ConcurrencyOptions
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import AutomationSort
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.exceptions import ObjectNotFound
from prefect.workers.process import ProcessWorker

from deployments.declared import DeclaredDeployment, DeclaredPool

UNKNOWN = UUID(int=0)
"""Stands for the id of what a dry run does not make."""

_PAGE = 100


@dataclass(frozen=True)
class Step:
    """What was done about one object: `made`, `changed`, `removed` or `unchanged`."""

    done: str
    what: str


@dataclass
class Registrar:
    """One go over a server.

    Attributes:
        client: of the server.
        dry_run: write nothing, tell what would be written.
        steps: what was done, in order.
    """

    client: PrefectClient
    dry_run: bool
    steps: list[Step] = field(default_factory=list)

    async def pool(self, pool: DeclaredPool) -> None:
        """The work pool. It is made and never changed: its template of jobs belongs to people."""
        try:
            await self.client.read_work_pool(pool.name)
            self._did("unchanged", f"work pool {pool.name}")
        except ObjectNotFound:
            if self._will("made", f"work pool {pool.name}"):
                template = ProcessWorker.get_default_base_job_template() if pool.type == "process" else {}
                wanted = WorkPoolCreate(
                    name=pool.name, type=pool.type, description=pool.description, base_job_template=template
                )
                await self.client.create_work_pool(wanted)
        for name, priority in pool.queues.items():
            await self._queue(pool.name, name, priority)

    async def deployment(self, declared: DeclaredDeployment) -> UUID:
        """A deployment; its id. A schedule that somebody switched off stays off."""
        flow = declared.flow()
        full_name = f"{flow.name}/{declared.name}"
        schedules = declared.cron_schedules()
        wanted = self._as_payload(declared)
        try:
            there = await self.client.read_deployment_by_name(full_name)
        except ObjectNotFound:
            there = None
        if there and _as_registered(there) == {**wanted, "schedules": [one.schedule for one in schedules]}:
            self._did("unchanged", f"deployment {full_name}")
            return there.id
        if not self._will("changed" if there else "made", f"deployment {full_name}"):
            return there.id if there else UNKNOWN
        flow_id = await self.client.create_flow_from_name(flow.name)
        return await self.client.create_deployment(flow_id, schedules=_kept_off(schedules, there), **wanted)

    async def block(self, block: Block, name: str) -> UUID:
        """A block document, secrets included; its id."""
        what = f"block {block.get_block_type_slug()}/{name}"
        there = await self.find_block(block.get_block_type_slug(), name)
        fields = set(type(block).model_fields)
        if there and there[1] == block.model_dump(mode="json", include=fields, context={"include_secrets": True}):
            self._did("unchanged", what)
            return there[0]
        if not self._will("changed" if there else "made", what):
            return there[0] if there else UNKNOWN
        return await block.save(name, overwrite=True, client=self.client)  # type: ignore[no-any-return]

    async def find_block(self, slug: str, name: str) -> tuple[UUID, dict[str, Any]] | None:
        """The id of a block on the server, and its fields."""
        try:
            found = await self.client.read_block_document_by_name(name, slug, include_secrets=True)
        except ObjectNotFound:
            return None
        return found.id, {**found.data}

    async def automations(self, prefix: str, wanted: list[AutomationCore]) -> None:
        """All automations whose names begin with the prefix. One that somebody switched off stays off."""
        there = {one.name: one for one in await self._all_automations() if one.name.startswith(prefix)}
        for one in wanted:
            old = there.pop(one.name, None)
            if old is None:
                if self._will("made", f"automation {one.name}"):
                    await self.client.create_automation(one)
                continue
            as_wanted = one.model_copy(update={"enabled": old.enabled})
            if _core(old) == _core(as_wanted):
                self._did("unchanged", f"automation {one.name}")
            elif self._will("changed", f"automation {one.name}"):
                await self.client.update_automation(old.id, as_wanted)
        for name, old in there.items():
            if self._will("removed", f"automation {name}"):
                await self.client.delete_automation(old.id)

    async def _all_automations(self) -> list[Automation]:
        found: list[Automation] = []
        while page := await self.client.read_automations(sort=AutomationSort.NAME_ASC, limit=_PAGE, offset=len(found)):
            found += page
        return found

    async def _queue(self, pool: str, name: str, priority: int) -> None:
        what = f"work queue {pool}/{name}, priority {priority}"
        try:
            queue = await self.client.read_work_queue_by_name(name, work_pool_name=pool)
        except ObjectNotFound:
            if self._will("made", what):
                await self.client.create_work_queue(name, priority=priority, work_pool_name=pool)
            return
        if queue.priority == priority:
            self._did("unchanged", what)
        elif self._will("changed", what):
            await self.client.update_work_queue(queue.id, priority=priority, is_paused=queue.is_paused)

    @staticmethod
    def _as_payload(declared: DeclaredDeployment) -> dict[str, Any]:
        limit = declared.concurrency_limit
        options = ConcurrencyOptions.model_validate({"collision_strategy": limit.collision_strategy}) if limit else None
        return {
            "name": declared.name,
            "description": declared.description,
            "tags": list(dict.fromkeys(declared.tags)),
            "parameters": declared.parameters,
            "entrypoint": declared.entrypoint,
            "enforce_parameter_schema": declared.enforce_parameter_schema,
            "parameter_openapi_schema": declared.form(),
            "work_pool_name": declared.work_pool.name,
            "work_queue_name": declared.work_pool.work_queue_name,
            "job_variables": declared.work_pool.job_variables,
            "concurrency_limit": limit.limit if limit else None,
            "concurrency_options": options,
        }

    def _will(self, done: str, what: str) -> bool:
        self._did(done, what)
        return not self.dry_run

    def _did(self, done: str, what: str) -> None:
        self.steps.append(Step(done, what))


def _as_registered(there: DeploymentResponse) -> dict[str, Any]:
    """What the server has, in the shape of what is declared."""
    limit = there.global_concurrency_limit
    names = (
        *("name", "description", "tags", "parameters", "entrypoint", "enforce_parameter_schema"),
        *("parameter_openapi_schema", "work_pool_name", "work_queue_name", "job_variables"),
    )
    return {name: getattr(there, name) for name in names} | {
        "concurrency_limit": limit.limit if limit else None,
        "concurrency_options": there.concurrency_options,
        "schedules": [one.schedule for one in there.schedules],
    }


def _kept_off(
    schedules: list[DeploymentScheduleCreate], there: DeploymentResponse | None
) -> list[DeploymentScheduleCreate]:
    off = bool(there and there.schedules and not any(one.active for one in there.schedules))
    return [one.model_copy(update={"active": False}) for one in schedules] if off else schedules


def _core(automation: AutomationCore) -> dict[str, Any]:
    return AutomationCore.model_validate(automation.model_dump()).model_dump(exclude={"trigger": {"id"}})
