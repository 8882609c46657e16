"""Templates of paths: `{site}/{sensor_id}/{date:date}/**` reads three values from where a file lies."""

import functools
import re
from dataclasses import dataclass

_PIECES = re.compile(r"(\*\*/|\*\*|\{\.\.\.\}|\.\.\.|\*|\{[^{}]*\}|[{}])")
_NAMED = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(?::([a-z]+))?\}")

_PATTERNS = {
    "int": r"[+-]?\d+",
    "float": r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?",
    "bool": r"[A-Za-z01]+",
    "date": r"\d{4}-?\d{2}-?\d{2}",
    "time": r"\d{4}[^/]*",
    "text": r"[^/]+",
}


@dataclass(frozen=True)
class Template:
    """A compiled template.

    Attributes:
        strict: matches paths whose parts look like their types.
        loose: matches paths of the right shape, whatever their parts hold.
        types: those that are stated, by name.
        names: all names, in order.
    """

    strict: re.Pattern[str]
    loose: re.Pattern[str]
    types: dict[str, str]
    names: tuple[str, ...]

    def read(self, path: str) -> dict[str, str] | None:
        """The parts of a path by name, as text; None if the path has another shape."""
        found = self.strict.fullmatch(path) or self.loose.fullmatch(path)
        return found.groupdict() if found else None


@functools.cache
def compile_template(template: str) -> Template:
    """Compile a template. Raises ValueError, in plain words, if it cannot be right."""
    strict = loose = ""
    types: dict[str, str] = {}
    names: list[str] = []
    for piece in _PIECES.split(template):
        named = _NAMED.fullmatch(piece)
        if named:
            name, kind = named[1], named[2] or "text"
            if kind not in _PATTERNS:
                raise ValueError(f"{piece} names no type; there are: {', '.join(_PATTERNS)}")
            if name in names:
                raise ValueError(f"the name {name} is there twice")
            names.append(name)
            types |= {name: kind} if named[2] else {}
            strict += f"(?P<{name}>{_PATTERNS[kind]})"
            loose += f"(?P<{name}>[^/]+)"
        else:
            plain = _plain(piece)
            strict, loose = strict + plain, loose + plain
    if not names:
        raise ValueError("it names nothing; write it as {site}/{sensor_id}/**")
    if len(re.findall(r"\*\*|\.\.\.", template)) > 1:
        raise ValueError("** can stand in it once")
    return Template(re.compile(strict, re.DOTALL), re.compile(loose, re.DOTALL), types, tuple(names))


def _plain(piece: str) -> str:
    if piece in ("**", "{...}", "..."):
        return ".*"
    if piece == "**/":
        return "(?:.*/)?"
    if piece == "*":
        return "[^/]*"
    if piece[:1] in ("{", "}"):
        raise ValueError(f"{piece} is no {{name}} or {{name:type}} of letters, digits and _")
    return re.escape(piece)
