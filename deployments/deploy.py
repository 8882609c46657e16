"""Registers one root on a Prefect server: work pool, queues, deployments, notification blocks, automations."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass

import httpx
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL
from prefect.utilities.urls import url_for

from deployments.automations import prefix_of, telling, watching
from deployments.declared import Declared, read_declared
from deployments.notify import notification_blocks
from deployments.registrar import UNKNOWN, Registrar, Step
from flows.service import ServiceSettings
from tasks.store.errors import UsageError


@dataclass(frozen=True)
class Deployed:
    """What was done, and the pages that people open: a name and an address each."""

    steps: list[Step]
    pages: dict[str, str]


def deploy(service: ServiceSettings, config: str, *, dry_run: bool = False) -> Deployed:
    """Bring the server to what prefect.yaml and the settings say; a second time changes nothing.

    Args:
        service: of the root.
        config: the settings file, as the worker sees it.
        dry_run: change nothing, tell what would be done.

    Raises:
        UsageError: no server is named, it does not answer, or the settings name what is not there.
    """
    address = PREFECT_API_URL.value()
    if not address:
        raise UsageError("No Prefect server is named: start one (`make up`), and set PREFECT_API_URL to its address.")
    declared = read_declared(service, os.path.abspath(config))
    try:
        return asyncio.run(_deploy(service, declared, dry_run))
    except (httpx.TransportError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "Failed to reach API" not in str(error):
            raise
        raise UsageError(
            f"The Prefect server at {address} does not answer. Start it (`make up`), or mend PREFECT_API_URL."
        ) from error


async def _deploy(service: ServiceSettings, declared: Declared, dry_run: bool) -> Deployed:
    async with get_client() as client:
        registrar = Registrar(client, dry_run)
        await registrar.pool(declared.work_pool)
        ids = {f"{one.flow().name}/{one.name}": await registrar.deployment(one) for one in declared.deployments}
        blocks = await notification_blocks(registrar, service.name, service.notify)
        automations = watching(service, list(ids.values())) + telling(service, list(ids.values()), blocks)
        for one, deployment in zip(declared.deployments, ids.values(), strict=True):
            for trigger in one.event_triggers():
                trigger.set_deployment_id(deployment)
                automations.append(trigger.as_automation().model_copy(update={"owner_resource": None}))
        await registrar.automations(prefix_of(service.name), automations)
    pages = {name: url_for("deployment", one) or "" for name, one in ids.items() if one != UNKNOWN}
    return Deployed(registrar.steps, pages)
