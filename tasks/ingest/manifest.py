"""A manifest: a text file that names files, one URI or path a line, in a folder or in a bucket.

A first line `#below URI` says from where paths in the source are told; without one it is where the manifest lies.
"""

import functools
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from blake3 import blake3

from tasks.store.errors import Unreachable, UsageError
from tasks.store.root import Root
from tasks.store.storage import Entry, in_bucket, key_uri, shown, storage_for, to_key, to_path, to_uri

MANIFEST_BYTES = 10**9

_ASKED_AT_ONCE = 32
"""Requests for the heads of objects that are under way together."""

_CHUNK = 65_536

MISSING = "missing"
"""The version of a file that is named and not there."""

_BELOW = "#below "

_FOLDER = "manifests"
"""Folder of a root."""


def write_manifest(root: Root, *names: str, below: str, uris: Iterable[str], mark: str = "") -> str:
    """Write a manifest of URIs below manifests/NAMES of a root, named by its content; its URI.

    Runs of such a manifest take their own objects only (see `is_part`).

    Args:
        root: where it shall lie.
        names: of folders.
        below: URI of the source that they are part of.
        uris: what it names.
        mark: what tells it from another one of the same URIs.
    """
    lines = [f"{_BELOW}{below}", *([f"#{mark}"] if mark else []), *uris]
    content = "".join(f"{line}\n" for line in lines).encode()
    uri = root.at(_FOLDER, *names, f"{blake3(content).hexdigest(length=10)}.txt")
    root.storage.create(uri, content)
    return uri


def is_part(root: Root, source: str) -> bool:
    """Whether a source is a manifest that Winnow wrote in the root: some objects of a larger source."""
    return source.startswith(f"{root.at(_FOLDER)}/")


def told_from(manifest: str) -> str:
    """The URI from which the paths of what it names are told."""
    first = _text(manifest).partition("\n")[0]
    return first.removeprefix(_BELOW).strip() if first.startswith(_BELOW) else folder_of(manifest)


def named_files(manifest: str, root: str) -> Iterator[Entry]:
    """What a manifest names, once each, but for what lies in the root. Raises UsageError if it is no manifest."""
    outside = functools.cache(lambda folder: not lies_in(folder, root))
    uris = [uri for uri in names_in(manifest) if outside(folder_of(uri))]
    with ThreadPoolExecutor(_ASKED_AT_ONCE, "manifest") as pool:
        for start in range(0, len(uris), _CHUNK):
            part = uris[start : start + _CHUNK]
            yield from pool.map(_stated, part) if any(map(in_bucket, part)) else map(_stated, part)


def names_in(manifest: str) -> dict[str, None]:
    """The URIs that it names, in order. Names keep their blanks, and whatever else a line may hold."""
    lines = (line.removesuffix("\r") for line in _text(manifest).split("\n"))
    names = (line for line in lines if line.strip() and not line.lstrip().startswith("#"))
    return dict.fromkeys(to_uri(name.strip()) if "://" in name else _beside(manifest, name) for name in names)


def folder_of(uri: str) -> str:
    """The URI of what a file lies in."""
    return uri.rpartition("/")[0]


def lies_in(uri: str, folder: str) -> bool:
    """Whether a URI is the folder or below it; links are followed."""
    if uri.startswith("file://") and folder.startswith("file://"):
        return Path(os.path.realpath(to_path(uri))).is_relative_to(os.path.realpath(to_path(folder)))
    return f"{uri}/".startswith(f"{folder}/")


def unreadable_source(source: str, why: str | None) -> UsageError:
    """What to say of a source that is there and cannot be read."""
    return UsageError(f"The source {shown(source)} cannot be read ({why}). Ask for access, or run as its owner.")


def no_manifest(source: str) -> UsageError:
    """What to say of a source that is neither of what it may be."""
    return UsageError(f"The source {shown(source)} is neither a folder nor a text file of paths, one a line.")


def _text(manifest: str) -> str:
    storage = storage_for(manifest)
    try:
        text = storage.read(manifest).decode("utf-8-sig") if storage.stat(manifest).byte_size < MANIFEST_BYTES else None
    except UnicodeDecodeError:
        text = None
    except Unreachable as error:
        raise unreadable_source(manifest, error.detail) from error
    if text is None or "\0" in text:
        raise no_manifest(manifest)
    return text


def _beside(manifest: str, name: str) -> str:
    """A name in a manifest is a path from where the manifest lies."""
    if in_bucket(manifest):
        bucket, key = to_key(manifest)
        return key_uri(bucket, f"{key.rpartition('/')[0]}/{name}".removeprefix("/"))
    return to_uri(to_path(manifest).parent / name)


def _stated(uri: str) -> Entry:
    """A manifest names its files: one that is not there is an object that cannot be reached, not one to ignore."""
    try:
        return storage_for(uri).stat(uri)
    except Unreachable:
        return Entry(uri, MISSING, 0, 0.0)
