"""Fixtures of tests against a Prefect server."""

from tests.deployments.registered import address, client, config, receiver
from tests.deployments.served import away, server

__all__ = ["address", "away", "client", "config", "receiver", "server"]
