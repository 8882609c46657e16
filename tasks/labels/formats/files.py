"""Files of labels: find the one that is meant, read it, say in a sentence what is wrong with it."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.store.errors import UsageError

MAX_CELL = 2**27
"""Characters of a cell of CSV: a mask may take many."""


def the_file(place: Path, suffix: str) -> Path:
    """The file itself, or the only one of that kind in a folder. Raises UsageError."""
    if not place.is_dir():
        return place
    found = sorted(path for path in place.rglob(f"*{suffix}") if not path.name.startswith("winnow-"))
    if len(found) != 1:
        told = f"{len(found)} of them" if found else "none"
        raise UsageError(f"{place} holds {told} that end in {suffix}: name the file.")
    return found[0]


def read_text(path: Path) -> str:
    """Text in UTF-8, with or without a byte order mark. Raises UsageError."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}): name another.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no text in UTF-8: is it whole, and in the format that you named?") from error


def read_json(path: Path) -> Any:
    """What a JSON file says. Raises UsageError if it breaks off or is none."""
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        why = " ".join(str(error).split())[:200]
        raise UsageError(f"{path} is no JSON, or only a part of it ({why}): get it anew.") from error


def read_xml(path: Path) -> Any:
    """The root element of an XML file; what declares entities is refused. Raises UsageError."""
    import defusedxml.ElementTree
    from defusedxml.common import DefusedXmlException

    try:
        return defusedxml.ElementTree.fromstring(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}): name another.") from error
    except DefusedXmlException as error:
        raise UsageError(f"{path} declares entities, which label files have no use for: it is refused.") from error
    except (SyntaxError, ValueError, LookupError) as error:
        raise UsageError(f"{path} is no XML, or only a part of it ({error}): get it anew.") from error


def read_csv(path: Path) -> Iterator[dict[str, str]]:
    """Rows of a CSV file by lower-case column names; `,`, `;` and tabs part the cells. Raises UsageError."""
    text = read_text(path)
    header = text.partition("\n")[0]
    csv.field_size_limit(MAX_CELL)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count), strict=True)
    try:
        names = [name.strip().lower() for name in next(rows, [])]
        for row in rows:
            if row:
                yield dict(zip(names, row, strict=False))
    except csv.Error as error:
        raise UsageError(f"{path} is no CSV, or only a part of it (line {rows.line_num}: {error}).") from error


def as_name(stated: object) -> str:
    """The name of a class: a text or a number. Raises ValueError."""
    if not isinstance(stated, str | int | float) or not str(stated):
        raise ValueError(f"a {type(stated).__name__} is no name")
    return str(stated)


def number(value: float) -> str:
    """A number as text: no more digits than it has, at most ten."""
    return f"{value:.10g}"
