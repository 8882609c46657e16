"""Ids: hashes of what a thing is, never of when or by whom it was seen."""

import json
from typing import BinaryIO

from blake3 import blake3

_CHUNK = 2**20


def content_id(content: bytes) -> str:
    """BLAKE3 of the bytes, 64 hex digits: what `b3sum` prints for the file."""
    return str(blake3(content).hexdigest())


def content_id_of(file: BinaryIO) -> str:
    """The content_id of all bytes of an open file, read from its start."""
    hasher = blake3()
    file.seek(0)
    while chunk := file.read(_CHUNK):
        hasher.update(chunk)
    return str(hasher.hexdigest())


def frame_id(video_id: str, time_us: int, recipe: str) -> str:
    """Id of a frame: of its video's content, its presentation time in microseconds, and how frames were chosen."""
    return make_id(video_id, time_us, recipe)


def make_id(*parts: str | int) -> str:
    """Hash of length-prefixed parts, 32 hex digits: no two lists of parts share an encoding."""
    hasher = blake3()
    for part in parts:
        encoded = str(part).encode("utf-8", "surrogateescape")
        hasher.update(len(encoded).to_bytes(8, "big"))
        hasher.update(encoded)
    return str(hasher.hexdigest(length=16))


def object_id(uri: str, version: str, attempt: int) -> str:
    """Id of one object: a file (`uri`) at one `version`, on its `attempt`-th pass (0 is the first)."""
    return make_id(uri, version, attempt)


def batch_id(kind: str, members: list[str]) -> str:
    """Id of a batch of `members` (object or sample ids, in order): `kind` and 12 hex digits, readable in a log."""
    return f"{kind}-{make_id(kind, *members)[:12]}"


def json_path(key: str) -> str:
    """The path by which SQL finds a key in a column of JSON, whatever letters the key has."""
    return f"$.{json.dumps(key, ensure_ascii=False)}"
