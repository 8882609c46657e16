"""Fixtures of tests against a Prefect server."""

from tests.deployments.served import away, server

__all__ = ["away", "server"]
