"""Values of metadata: given their types, cleaned, and without what could say where a picture was taken."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

Kind = Literal["int", "float", "bool", "date", "time", "text"]

RESERVED: dict[str, Kind] = {
    "sensor_id": "text",
    "sequence_id": "text",
    "captured_at": "time",
    "captured_on": "time",
    "lat": "float",
    "lon": "float",
}
"""Keys that go into columns of their own."""

PLACES = {
    "lat", "latitude", "lon", "lng", "longitude", "latlon", "latlng", "lonlat", "lnglat", "location", "geo",
    "geolocation", "geohash", "geometry", "coordinate", "coordinates", "coord", "coords", "mgrs", "utm", "pluscode",
}  # fmt: skip
"""A key with one of these words in it, or one that begins with gps, is dropped unless ingest.keep_gps."""

MOST_LEVELS = 16
"""Values nested deeper are not taken."""

_INT = re.compile(r"-?(0|[1-9]\d{0,17})", re.ASCII)
_FLOAT = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)
_PAIR = re.compile(r"[+-]?\d{1,3}\.\d{3,}[^\d.]{1,5}\d{1,3}\.\d{3,}")
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_DAY = re.compile(r"\d{4}-?\d{2}-?\d{2}", re.ASCII)


@dataclass(frozen=True)
class Rules:
    """How values are read.

    Attributes:
        types: of keys, by name.
        wanted: keys that the settings name: they are kept even if they may tell a place.
        keep_gps: keep places.
        zone: time zone of times that state none.
    """

    types: dict[str, Kind]
    wanted: frozenset[str]
    keep_gps: bool
    zone: str


def read_values(said: dict[str, Any], rules: Rules, *, guess: bool) -> tuple[dict[str, Any], list[str]]:
    """What of `said` counts, as JSON can hold it, and what is wrong with the rest, in words.

    Args:
        said: values by key, as they were found.
        rules: how to read them.
        guess: whether text that looks like a number is one.
    """
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for name, found in said.items():
        key = _clean(str(name))
        if found is None or found == "" or not key or _tells_a_place(key, found, rules):
            continue
        kind = RESERVED.get(key) or rules.types.get(key)
        try:
            values |= _stated(key, found, kind, rules) if kind else {key: _unstated(found, rules, guess)}
        except (ValueError, TypeError, OverflowError, LookupError, AttributeError):
            wrong.append(f"{key} is {_clean(str(found))[:100]!r}, which is no {kind or 'value'}")
    day = values.get("date")
    if isinstance(day, str) and _DAY.fullmatch(day) and "captured_on" not in values:
        values |= _start_of_day(day, rules)
    return values, wrong


def _stated(key: str, found: Any, kind: Kind, rules: Rules) -> dict[str, Any]:
    """A value of a stated type; a time of capture that is only a day counts as one."""
    if key == "captured_at" and isinstance(found, str) and _DAY.fullmatch(found.strip()):
        return {"captured_on": _moment(found, rules)}
    value = _CASTS[kind](found, rules)
    if key in ("lat", "lon") and abs(value) > (90 if key == "lat" else 180):
        raise ValueError(key)
    return {key: value}


def _start_of_day(day: str, rules: Rules) -> dict[str, Any]:
    try:
        return {"captured_on": _moment(day, rules)}
    except ValueError:
        return {}


def _unstated(found: Any, rules: Rules, guess: bool) -> Any:
    if guess and isinstance(found, str):
        text = found.strip()
        if _INT.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
            return float(text)
        return text.lower() == "true" if text.lower() in ("true", "false") else _clean(text)
    return _plain(found, rules)


def _plain(found: Any, rules: Rules, depth: int = 0) -> Any:
    """As JSON can hold it and SQL can read it: no NaN, no half characters, no places deep inside."""
    if depth > MOST_LEVELS:
        raise ValueError(found)
    if isinstance(found, dict):
        inner = {_clean(str(key)): value for key, value in found.items()}
        known = {key: value for key, value in inner.items() if not _tells_a_place(key, value, rules)}
        return {key: _plain(value, rules, depth + 1) for key, value in known.items()}
    if isinstance(found, list | tuple):
        return [_plain(value, rules, depth + 1) for value in found if not _tells_a_place("", value, rules)]
    if isinstance(found, float):
        return found if math.isfinite(found) else None
    if isinstance(found, int) and abs(found) >= 2**63:
        raise ValueError(found)
    if isinstance(found, int) or found is None:
        return found
    if isinstance(found, datetime):
        return _moment(found, rules)
    if isinstance(found, bytes):
        raise ValueError(found)
    return _clean(found.isoformat() if isinstance(found, date) else str(found))


def _tells_a_place(key: str, value: Any, rules: Rules) -> bool:
    if rules.keep_gps or (key in rules.wanted and key not in ("lat", "lon")):
        return False
    words = [word.lower() for word in _WORDS.findall(key)]
    named = words == ["long"] or any(word in PLACES or word.startswith("gps") for word in words)
    return named or (isinstance(value, str) and bool(_PAIR.search(value)))


def _clean(text: str) -> str:
    """Without control and half characters, on which SQL over JSON would fail."""
    whole = text.encode("utf-8", "replace").decode()
    return "".join(letter if letter.isprintable() else " " for letter in whole).strip()


def _whole(found: Any, _rules: Rules) -> int:
    number = float(found) if not isinstance(found, int) else found
    if isinstance(found, bool) or number != int(number) or abs(number) >= 2**63:
        raise ValueError(found)
    return int(found) if isinstance(found, str) and _INT.fullmatch(found.strip()) else int(number)


def _number(found: Any, _rules: Rules) -> float:
    if isinstance(found, bool) or not math.isfinite(float(found)):
        raise ValueError(found)
    return float(found)


def _truth(found: Any, _rules: Rules) -> bool:
    return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[str(found).strip().lower()]


def _text(found: Any, _rules: Rules) -> str:
    if isinstance(found, dict | list | bytes) or not _clean(str(found)):
        raise ValueError(found)
    return _clean(str(found))


def _day(found: Any, _rules: Rules) -> str:
    if isinstance(found, date):
        return found.isoformat()[:10]
    return date.fromisoformat(found.strip()).isoformat()


def _moment(found: Any, rules: Rules) -> str:
    """ISO 8601, in UTC."""
    if isinstance(found, date) and not isinstance(found, datetime):
        found = found.isoformat()
    moment = found if isinstance(found, datetime) else datetime.fromisoformat(found.strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(rules.zone))).astimezone(UTC).isoformat()


_CASTS: dict[str, Callable[[Any, Rules], Any]] = {
    "int": _whole,
    "float": _number,
    "bool": _truth,
    "date": _day,
    "time": _moment,
    "text": _text,
}
