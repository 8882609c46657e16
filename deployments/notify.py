"""The blocks through which the Prefect server tells people: made from the settings, secrets from the environment."""

from __future__ import annotations

import os
from uuid import UUID

from prefect.blocks.notifications import CustomWebhookNotificationBlock, SlackWebhook
from pydantic import SecretStr

from deployments.registrar import Registrar
from flows.service import NotifySettings
from tasks.store.errors import UsageError


async def notification_blocks(registrar: Registrar, name: str, settings: NotifySettings) -> list[UUID]:
    """Make what the settings name; ids of all blocks to tell.

    Raises:
        UsageError: a block is not on the server, or an environment variable is not set.
    """
    blocks = []
    if settings.block:
        blocks.append(await _existing(registrar, settings.block))
    if settings.slack:
        slack = SlackWebhook(url=SecretStr(_secret("slack", settings.slack)))
        blocks.append(await registrar.block(slack, f"winnow-{name}-slack"))
    if settings.webhook:
        webhook = webhook_block(name, _secret("webhook", settings.webhook))
        blocks.append(await registrar.block(webhook, f"winnow-{name}-webhook"))
    if settings.email:
        email = mail_block(settings.email, _secret("email", settings.email))
        blocks.append(await registrar.block(email, f"winnow-{name}-email"))
    return blocks


def webhook_block(name: str, address: str) -> CustomWebhookNotificationBlock:
    """Posts JSON with `subject` and `text` to an address, which is kept as a secret: it often holds a token."""
    return CustomWebhookNotificationBlock(
        name=f"winnow-{name}",
        url="{{address}}",
        json_data={"subject": "{{subject}}", "text": "{{body}}"},
        secrets={"address": address},
    )


def mail_block(variable: str, address: str) -> SlackWebhook:
    """Sends mail. The block hands any address to Apprise, which knows mail servers too; Prefect has none for SMTP.

    Raises:
        UsageError: the address, which stands in the environment variable, is none of a mail server.
    """
    if not address.startswith(("mailto://", "mailtos://")):
        raise UsageError(f"{variable} holds no mail address as mailtos://USER:PASSWORD@HOST:587?to=ops@example.org.")
    return SlackWebhook(url=SecretStr(address))


async def _existing(registrar: Registrar, block: str) -> UUID:
    slug, _, name = block.partition("/")
    found = await registrar.find_block(slug, name)
    if found is None:
        raise UsageError(f"service.notify.block: the Prefect server has no block {block}; make it in its UI first.")
    return found[0]


def _secret(kind: str, variable: str) -> str:
    address = os.environ.get(variable, "").strip()
    if not address:
        raise UsageError(f"service.notify.{kind} names the environment variable {variable}, which is not set.")
    return address
