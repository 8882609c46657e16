"""Recorded choices: every `auto` is resolved once a root, and stays until somebody recalibrates."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tasks.store.errors import Unreachable, WinnowError
from tasks.store.log import who
from tasks.store.root import Root
from tasks.store.storage import shown

EMBEDDING = "embed.model"
"""The model that makes the vectors of the root: `name`, `table`, and what tasks/embed/choose.py has of it."""


def recall(root: Root, name: str) -> Any | None:
    """The newest value recorded under that name; None if there is none."""
    newest = _newest(root, name)
    return newest["value"] if newest else None


def settle(root: Root, name: str, choose: Callable[[], Any]) -> Any:
    """The recorded value, else what `choose` says, which is then recorded; of several runs the first one settles it."""
    if recall(root, name) is None:
        _create(root, name, 1, choose(), None)
    return recall(root, name)


def revise(root: Root, name: str, value: Any, note: str) -> None:
    """Record another value; the older ones stay on file."""
    number = 1
    while not _create(root, name, number, value, note):
        number += 1


def _create(root: Root, name: str, number: int, value: Any, note: str | None) -> bool:
    choice = {"value": value, "by": who(), "at": datetime.now(UTC).isoformat(), "note": note}
    return root.storage.create(root.at("choices", f"{name}.{number:04d}.json"), json.dumps(choice, indent=2).encode())


def _newest(root: Root, name: str) -> Any | None:
    number, newest = 1, None
    while True:
        place = root.at("choices", f"{name}.{number:04d}.json")
        try:
            newest = json.loads(root.storage.read(place))
        except Unreachable as error:
            if error.reason == "not_found":
                return newest
            raise WinnowError(
                f"The recorded choice {shown(place)} cannot be read ({error.detail}); mend that and run it again."
            ) from error
        number += 1
