"""Settings of Winnow as a service: what it is called on the Prefect server."""

from pydantic import Field

from tasks.store.settings import StrictModel


class ServiceSettings(StrictModel):
    """How one root is served: several roots share a Prefect server, each under a name of its own."""

    name: str = Field(
        default="winnow",
        pattern=r"^[a-z0-9][a-z0-9-]{0,40}$",
        description="What this root is called on the Prefect server; its deployments are `winnow curate/NAME` and so "
        "on. Give each root another one.",
    )
