"""All settings: one YAML file, one strict model, every error in plain words."""

import os
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from flows.service import ServiceSettings
from tasks.annotate.settings import HandoffSettings, LabelSettings
from tasks.dedupe.settings import DedupeSettings
from tasks.embed.settings import EmbedSettings
from tasks.gate.settings import GateSettings
from tasks.ingest.settings import IngestSettings
from tasks.learn.settings import LearnSettings
from tasks.maintain.settings import MaintainSettings
from tasks.review.settings import ReviewSettings
from tasks.select.settings import SelectSettings
from tasks.store.errors import UsageError
from tasks.store.settings import StrictModel
from tasks.store.storage import to_uri

DEFAULT_FILE = "winnow.yaml"
DEFAULT_ROOT = "winnow-root"
_PLACES = (("source",), ("root",), ("ingest", "metadata", "join"), ("labels", "oracle", "file"), ("service", "data"))


class Settings(StrictModel):
    """Everything that a run needs to know. No file is needed to start: every key has a default."""

    source: str | None = Field(
        default=None,
        description="Where raw files land: a folder, s3://BUCKET/PREFIX, or a text file (here or in a bucket) of paths "
        "or URIs. Credentials, region and endpoint come from where AWS's tools look: environment, profile, SSO, role.",
    )
    root: str = Field(
        default=DEFAULT_ROOT, description="Where the dataset is kept: a folder or s3://BUCKET/PREFIX that Winnow owns."
    )
    ingest: IngestSettings = Field(default_factory=IngestSettings)
    dedupe: DedupeSettings = Field(default_factory=DedupeSettings)
    embed: EmbedSettings = Field(default_factory=EmbedSettings)
    select: SelectSettings = Field(default_factory=SelectSettings)
    handoff: HandoffSettings = Field(default_factory=HandoffSettings)
    labels: LabelSettings = Field(default_factory=LabelSettings)
    review: ReviewSettings = Field(default_factory=ReviewSettings)
    learn: LearnSettings = Field(default_factory=LearnSettings)
    maintain: MaintainSettings = Field(default_factory=MaintainSettings)
    gates: GateSettings = Field(default_factory=GateSettings)
    service: ServiceSettings = Field(default_factory=ServiceSettings)

    @property
    def source_uri(self) -> str:
        """The source as a URI. Raises UsageError if none is named."""
        if self.source is None:
            raise UsageError("Name a source: `winnow run FOLDER`, or `source:` in winnow.yaml.")
        return to_uri(self.source)

    @property
    def root_uri(self) -> str:
        """The root as a URI."""
        return to_uri(self.root)

    def frozen(self) -> dict[str, Any]:
        """What the plan of a batch keeps, so that a batch is finished as it was begun."""
        return {
            "ingest": self.ingest.compute(),
            "shard_size": self.ingest.shard_size,
            "dedupe": self.dedupe.model_dump(mode="json"),
        }


def load_settings(file: str | None = None, overrides: dict[str, Any] | None = None) -> Settings:
    """Read settings: the file, then WINNOW_ROOT, then `overrides` (dotted names as `select.budget`).

    WINNOW_TRACKING_URI stands in for `learn.tracking_uri`, unless the file names one.

    Relative places in the file are relative to the file, others to the working directory.

    Raises:
        UsageError: the file is not there or no YAML, or something in it is wrong; every error is named.
    """
    place = settings_file(file)
    stated = _read(place) if place else {}
    if "WINNOW_ROOT" in os.environ:
        stated["root"] = os.environ["WINNOW_ROOT"]
    if "WINNOW_TRACKING_URI" in os.environ and not _group(stated, ("learn",)).get("tracking_uri"):
        _put(stated, ["learn", "tracking_uri"], os.environ["WINNOW_TRACKING_URI"])
    for name, value in (overrides or {}).items():
        _put(stated, name.split("."), value)
    try:
        return Settings.model_validate(stated)
    except ValidationError as error:
        raise UsageError(_in_plain_words(error)) from error


def settings_file(file: str | None = None) -> str | None:
    """The file that settings are read from: the one given, WINNOW_CONFIG, winnow.yaml if it is here, or none."""
    return file or os.environ.get("WINNOW_CONFIG") or (DEFAULT_FILE if os.path.exists(DEFAULT_FILE) else None)


def _read(place: str) -> dict[str, Any]:
    try:
        stated = yaml.safe_load(Path(place).read_text()) or {}
    except OSError as error:
        raise UsageError(f"The settings {place} cannot be read ({error.strerror}).") from error
    except (yaml.YAMLError, ValueError) as error:  # no UTF-8, or a day as 2026-02-31
        where = " ".join(str(error).split())
        raise UsageError(f"The settings {place} are no YAML: {where}") from error
    if not isinstance(stated, dict):
        raise UsageError(f"The settings {place} hold no names and values, as `source: /data/photos`.")
    for names in _PLACES:
        group = _group(stated, names[:-1])
        told = group.get(names[-1])
        if isinstance(told, str) and "://" not in told:
            group[names[-1]] = os.path.join(os.path.dirname(os.path.abspath(place)), os.path.expanduser(told))
    return stated


def _group(stated: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The settings of a group, as far as they are stated."""
    for name in names:
        inner = stated.get(name)
        stated = inner if isinstance(inner, dict) else {}
    return stated


def _put(stated: dict[str, Any], names: list[str], value: Any) -> None:
    for name in names[:-1]:
        inner = stated.setdefault(name, {})
        if not isinstance(inner, dict):
            raise UsageError(f"The setting {'.'.join(names)} cannot be set: {name} is no group of settings.")
        stated = inner
    stated[names[-1]] = value


def _in_plain_words(error: ValidationError) -> str:
    problems = [_problem(found) for found in error.errors()]
    if len(problems) == 1:
        return f"Settings: {problems[0]}."
    return f"Settings: {len(problems)} mistakes. " + " ".join(f"({n}) {told}." for n, told in enumerate(problems, 1))


def _problem(found: Any) -> str:
    path = ".".join(str(part) for part in found["loc"] if not str(part).startswith(("function-", "literal[")))
    given = repr(found["input"])
    given = given if len(given) < 80 else given[:77] + "..."
    match found["type"]:
        case "extra_forbidden" | "invalid_key":
            return f"{path} is no setting"
        case "missing":
            return f"{path} is missing"
        case _:
            message = found["msg"].removeprefix("Value error, ").removeprefix("Input ")
            return f"{path} is {given}, but {message[:1].lower()}{message[1:]}"
