"""Columns and texts as one block of base64 inside a page, and plain data as JSON that no markup can leave."""

import base64
import gzip
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def packed_columns(columns: dict[str, NDArray[Any]]) -> tuple[str, list[dict[str, Any]]]:
    """Columns of one length, widest first so that each lies at a multiple of its width, gzipped, in base64.

    Returns the block, and for each column its name, NumPy type and offset in bytes.
    """
    ordered = sorted(columns.items(), key=lambda one: -one[1].itemsize)
    places, parts, offset = [], [], 0
    for name, values in ordered:
        little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
        places.append({"name": name, "type": values.dtype.name, "offset": offset})
        parts.append(little.tobytes())
        offset += little.nbytes
    return _packed(b"".join(parts)), places


def packed_lines(lines: Sequence[str]) -> str:
    """Texts without line breaks (ids, percent-encoded URIs), gzipped, in base64."""
    return _packed("\n".join(lines).encode())


def safe_json(value: Any) -> str:
    """JSON for a script element: no `<` or `&` in it, and nothing but ASCII."""
    escaped = json.dumps(value, separators=(",", ":"), allow_nan=False, default=str)
    return escaped.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, 5, mtime=0)).decode()
