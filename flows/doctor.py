"""What a run needs of the machine and of the places it is pointed at, checked one by one."""

import os
import shutil
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flows.settings import Settings
from tasks.ingest.decode_video import ffmpeg_program
from tasks.ingest.source import list_source
from tasks.store.errors import Unreachable, WinnowError
from tasks.store.root import open_root
from tasks.store.storage import in_bucket, shown, storage_for, to_path

MIN_FREE_BYTES = 2 * 10**9


@dataclass(frozen=True)
class Finding:
    """One thing that was checked: whether it is fine, whether a run needs it, and what to say of it."""

    what: str
    fine: bool
    needed: bool
    told: str


def examine(settings: Settings) -> list[Finding]:
    """Check everything; a check that breaks is a finding, not an error."""
    checks: list[Callable[[Settings], Iterator[Finding]]] = [
        _python, _source, _root, _ffmpeg, _accelerator, _prefect, _mlflow, _labels,
    ]  # fmt: skip
    findings: list[Finding] = []
    for check in checks:
        try:
            findings += check(settings)
        except Exception as error:
            findings.append(Finding(check.__name__.strip("_"), False, True, f"{type(error).__name__}: {error}"))
    return findings


def _python(_settings: Settings) -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield Finding("python", sys.version_info >= (3, 11), True, version)


def _source(settings: Settings) -> Iterator[Finding]:
    if settings.source is None:
        yield Finding("source", False, False, "none is named; `winnow doctor FOLDER` checks one")
        return
    try:
        listing = list_source(settings.source_uri, settings.ingest.include, leave_out=settings.root_uri)
    except WinnowError as error:
        yield Finding("source", False, True, str(error))
        return
    taken = len(listing.files)
    told = f"{listing.listed} files, {taken} of them taken"
    yield Finding("source", taken > 0, True, told if taken else f"{told}; see ingest.include")
    if taken:
        yield from _first_file(listing.files["uri"][0].as_py())
    if listing.unreadable:
        first = shown(listing.unreadable[0])
        yield Finding("source", False, False, f"{len(listing.unreadable)} places cannot be read, the first is {first}")


def _first_file(uri: str) -> Iterator[Finding]:
    try:
        storage_for(uri).stat(uri)
    except Unreachable as error:
        yield Finding("source", False, True, f"{shown(uri)} cannot be read ({error}); ask for the right to read files")


def _root(settings: Settings) -> Iterator[Finding]:
    return (_root_in_bucket if in_bucket(settings.root_uri) else _root_in_folder)(settings)


def _root_in_bucket(settings: Settings) -> Iterator[Finding]:
    from tasks.store.probe import probe

    try:
        has_root = any(name == "root.json" for name in storage_for(settings.root_uri).names(settings.root_uri))
        told = "a root" if has_root else "will be made"
        if has_root:
            open_root(settings.root_uri)
    except WinnowError as error:
        yield Finding("root", False, True, str(error))
        return
    for client, trouble in probe(settings.root_uri):
        fine = f"{settings.root_uri} ({told}), {client} reads and writes"
        yield Finding("root", trouble is None, True, f"{client}: {trouble}" if trouble else fine)


def _root_in_folder(settings: Settings) -> Iterator[Finding]:
    place = to_path(settings.root_uri)
    try:
        open_root(settings.root_uri)
        told = "a root"
    except WinnowError as error:
        if (place / "root.json").exists() or (place.exists() and any(place.iterdir())):
            yield Finding("root", False, True, str(error))
            return
        told = "will be made"
    above = next(folder for folder in (place, *place.parents) if folder.exists())
    writable = os.access(above, os.W_OK)
    yield Finding(
        "root",
        writable,
        True,
        f"{place} ({told})" if writable else f"{above} cannot be written; mend its rights",
    )
    free = shutil.disk_usage(above).free
    yield Finding("disk", free > MIN_FREE_BYTES, True, f"{free / 1e9:.0f} GB free at {above}")


def _ffmpeg(_settings: Settings) -> Iterator[Finding]:
    try:
        yield Finding("ffmpeg", True, False, ffmpeg_program())
    except WinnowError as error:
        yield Finding("ffmpeg", False, False, str(error))


def _accelerator(_settings: Settings) -> Iterator[Finding]:
    import torch

    if torch.cuda.is_available():
        yield Finding("accelerator", True, False, torch.cuda.get_device_name())
    else:
        yield Finding(
            "accelerator", True, False, f"none; torch {torch.__version__} runs on {os.cpu_count()} processors"
        )


def _prefect(_settings: Settings) -> Iterator[Finding]:
    import prefect

    address = os.environ.get("PREFECT_API_URL")
    if not address:
        yield Finding("prefect", True, True, f"{prefect.__version__}, a temporary server for each run")
        return
    try:
        with urllib.request.urlopen(f"{address.rstrip('/')}/health", timeout=5) as answer:  # noqa: S310
            fine = answer.status == 200
    except (OSError, ValueError) as error:
        yield Finding(
            "prefect", False, True, f"{address} does not answer ({error}); start it, or unset PREFECT_API_URL"
        )
        return
    yield Finding("prefect", fine, True, address)
    try:
        urllib.request.urlopen(f"{address.rstrip('/')}/ready", timeout=10).close()  # noqa: S310
    except (OSError, ValueError) as error:
        told = f"{address} answers, but its database does not ({error}); start PostgreSQL, or free some disk"
        yield Finding("prefect", False, True, told)


def _mlflow(_settings: Settings) -> Iterator[Finding]:
    from importlib.metadata import version

    yield Finding("mlflow", True, False, f"{version('mlflow')}, {os.environ.get('MLFLOW_TRACKING_URI', 'files')}")


def _labels(settings: Settings) -> Iterator[Finding]:
    """The place where people label, where one is set up."""
    if settings.labels.backend == "files":
        return
    from tasks.annotate.place import place_for

    try:
        told = place_for(open_root(settings.root_uri), settings.labels).check()
    except WinnowError as error:
        yield Finding("labels", False, True, str(error))
        return
    yield Finding("labels", True, True, ", ".join(f"{name} {value}" for name, value in told.items()))
