"""An original, read again: the bytes that a sample was made of, or nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.store.errors import Unreachable
from tasks.store.ids import content_id
from tasks.store.reasons import Deferral
from tasks.store.storage import storage_for

MAX_PIXELS = 1_000_000_000
"""A sample was decoded before, within the limits of its ingest; this only keeps the memory of the process bounded."""


@dataclass(frozen=True)
class Original:
    """A picture to read again.

    Attributes:
        uri: where its pixels are.
        content_id: of the bytes that it must still have; None for a frame, which lies in the root and never changes.
    """

    uri: str
    content_id: str | None


def original_of(sample: Mapping[str, Any]) -> Original:
    """The original of a row with sample_id, uri and media."""
    return Original(sample["uri"], None if sample["media"] == "frame" else sample["sample_id"])


def read_again(original: Original) -> bytes | None:
    """Its bytes; None if it is gone, may not be read, or is no longer the same.

    Raises:
        Unreachable: the store failed, which says nothing about the picture.
    """
    try:
        content = storage_for(original.uri).read(original.uri)
    except Unreachable as error:
        if error.reason == Deferral.IO_ERROR:
            raise
        return None
    return content if original.content_id in (None, content_id(content)) else None
