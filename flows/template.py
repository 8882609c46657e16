"""The commented winnow.yaml that `winnow init` writes: every setting, its meaning and its default."""

import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from flows.settings import DEFAULT_ROOT, Settings
from tasks.store.errors import UsageError

_WIDTH = 110


def write_template(file: str, source: str | None, root: str | None) -> None:
    """Write the template. Raises UsageError if the file is there already or cannot be written."""
    if Path(file).exists():
        raise UsageError(f"{file} is there already; edit it, or name another with --file.")
    text = "\n".join(
        [
            "# Settings of Winnow. Everything that is commented out has the value shown; unknown names are errors.",
            f"source: {json.dumps(source or 'photos')}",
            f"root: {json.dumps(root or DEFAULT_ROOT)}",
            *_commented(Settings, ""),
            "",
        ]
    )
    try:
        Path(file).write_text(text)
    except OSError as error:
        raise UsageError(f"{file} cannot be written ({error.strerror}).") from error


def _commented(model: type[BaseModel], indent: str) -> list[str]:
    lines: list[str] = []
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        if isinstance(default, BaseModel):
            lines += [
                "",
                f"# {indent}{name}:  # {_first_line(type(default))}",
                *_commented(type(default), indent + "  "),
            ]
        elif name not in ("source", "root"):
            lines += _wrapped(field.description or "", f"# {indent}# ")
            lines.append(f"# {indent}{name}: {_value(default)}")
    return lines


def _value(default: Any) -> str:
    plain = to_jsonable_python(default, exclude_none=True)
    return yaml.safe_dump(plain, default_flow_style=True, width=10_000).replace("\n...", "").strip()


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


def _wrapped(text: str, lead: str) -> list[str]:
    import textwrap

    return [lead + line for line in textwrap.wrap(text, _WIDTH - len(lead))]
