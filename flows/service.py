"""Settings of Winnow as a service: its name on the Prefect server, its servers, when it runs, whom it tells."""

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, field_validator

from tasks.store.settings import StrictModel

Port = Annotated[int, Field(ge=1, le=65535)]


class PortSettings(StrictModel):
    """Ports of the servers that `winnow up` starts, on 127.0.0.1."""

    prefect: Port = Field(default=4200, description="Prefect's server: its pages and its API.")
    mlflow: Port = Field(default=5000, description="MLflow.")
    label_studio: Port = Field(default=8080, description="Label Studio.")


def _distinct(ports: PortSettings) -> PortSettings:
    if len({*ports.model_dump().values()}) < len(ports.model_dump()):
        raise ValueError("give each server a port of its own")
    return ports


class ScheduleSettings(StrictModel):
    """When the flows start by themselves: cron expressions in the time zone of the service; null for never."""

    curate: str | None = Field(default="5 * * * *", description="Take in what is new: every hour.")
    select: str | None = Field(default="35 * * * *", description="Top the label queue up: every hour.")
    label: str | None = Field(default="20,50 * * * *", description="Send tasks, take answers back: twice an hour.")
    learn: str | None = Field(default="0 2 * * *", description="Train if there are new labels: every night.")
    maintain: str | None = Field(default="0 4 * * 0", description="Compact and sweep: on Sundays.")
    remind: str | None = Field(default="0 9 * * *", description="Tell again what waits for a decision: every morning.")


class NotifySettings(StrictModel):
    """Whom it tells of holds, odd sources and failed runs. Addresses are secrets: here stand only their names."""

    block: str | None = Field(
        default=None,
        description="A notification block on the Prefect server, as `slack-webhook/ops` or `email/ops`: type and name.",
    )
    slack: str | None = Field(
        default=None, description="Name of the environment variable with the address of a Slack webhook."
    )
    webhook: str | None = Field(
        default=None,
        description="Name of the environment variable with an http(s) address; it gets JSON: subject and text.",
    )
    email: str | None = Field(
        default=None,
        description="Name of the environment variable with a mail server and a receiver, as "
        "`mailtos://USER:PASSWORD@HOST:587?to=ops@example.org`.",
    )


class EventSettings(StrictModel):
    """How `winnow watch` takes up what arrives: many objects make one run."""

    queue: str | None = Field(
        default=None,
        description="Name or URL of the SQS queue that tells of new objects in the source. Empty: winnow-NAME, the one "
        "that `winnow connect` makes; `winnow status` and `winnow doctor` ask it only if it is named.",
    )
    max_objects: int = Field(default=1000, ge=1, le=50_000, description="Objects that start a run at once.")
    max_wait_s: float = Field(
        default=20.0, ge=0.1, le=3600, description="Seconds after which fewer of them start one all the same."
    )
    visibility_s: int = Field(
        default=120, ge=10, le=43_200, description="Seconds after which messages of a dead listener are taken again."
    )
    max_receives: int = Field(
        default=10, ge=1, le=1000, description="Times that a message is taken before it is given up as a dead letter."
    )
    settle_s: float = Field(
        default=2.0,
        ge=0.1,
        description="Seconds for which a file of a folder stays as it is before it counts as whole.",
    )
    heartbeat: str | None = Field(
        default=None,
        description="A file that the listener touches at least every minute, for health checks. Empty: none.",
    )


class ServiceSettings(StrictModel):
    """How one root is served: several roots share a Prefect server, each under a name of its own."""

    name: str = Field(
        default="winnow",
        pattern=r"^[a-z0-9][a-z0-9-]{0,40}$",
        description="What this root is called on the Prefect server; its deployments are `winnow curate/NAME` and so "
        "on. Give each root another one.",
    )
    timezone: str = Field(default="UTC", description="Time zone of the schedules, as `Europe/Berlin`.")
    schedules: ScheduleSettings = Field(default_factory=ScheduleSettings)
    notify: NotifySettings = Field(default_factory=NotifySettings)
    events: EventSettings = Field(default_factory=EventSettings)
    remind_hours: float = Field(
        default=12, ge=0, description="Hours from which a hold is told again, by each run of `winnow remind`."
    )
    silent_s: int = Field(
        default=90,
        ge=60,
        description="Seconds without a sign of life (there is one every 30) after which a run is marked crashed and "
        "started again.",
    )
    starting_s: int = Field(
        default=180,
        ge=30,
        description="Seconds in which a run that a worker took has to begin, or it is started again; more where "
        "machines are fetched for it.",
    )
    restarts: int = Field(default=3, ge=0, le=20, description="How often a run that crashed is started again.")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, OSError, ValueError) as error:
            raise ValueError(f"there is no time zone {name!r}") from error
        return name

    data: str = Field(
        default="winnow-service",
        description="Folder of everything that the servers of `winnow up` keep: databases, artifacts, logs.",
    )
    ports: Annotated[PortSettings, AfterValidator(_distinct)] = Field(default_factory=PortSettings)
    database: str | None = Field(
        default=None,
        pattern=r"^postgresql(\+asyncpg)?://",
        description="PostgreSQL for Prefect and MLflow, as postgresql://USER@HOST/NAME; none for SQLite, for few "
        "runs at a time. The password may come from PGPASSWORD or ~/.pgpass.",
    )
    label_studio: bool = Field(default=False, description="`winnow up` starts a Label Studio too.")
