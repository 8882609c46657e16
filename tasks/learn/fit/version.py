"""The name of a model, known before it is trained: its snapshot, and all that would make another model of it."""

import hashlib
from pathlib import Path, PurePath
from typing import Any, Literal

from tasks.labels.snapshot import committed_hash
from tasks.labels.values import LabelType
from tasks.learn.models.program import trainer
from tasks.learn.models.vectors import recorded_backbone
from tasks.learn.settings import LearnSettings
from tasks.store.errors import UsageError
from tasks.store.root import Root
from tasks.store.staging import settings_hash

REVISION = 3
"""Goes up when the code makes other models of the same snapshot and settings."""

SAYS_HOW = {".py", ".sh", ".r", ".jl", ".yaml", ".yml", ".toml"}
"""Suffixes of programs and settings: a trainer of the user's own whose file changes makes another model."""

Kind = Literal["probe", "classifier", "detector", "command"]


def kind_of(label_type: LabelType, settings: LearnSettings) -> Kind:
    """What the settings ask for, for labels of that type. Raises UsageError if there is no such thing."""
    if settings.command:
        return "command"
    method = settings.fit.method
    if label_type == "boxes":
        if method == "probe":
            raise UsageError("learn.fit.method: a probe tells classes apart and finds no boxes; set `finetune`.")
        return "detector"
    return "classifier" if method == "finetune" else "probe"


def version_of(root: Root, snapshot: str, kind: Kind, settings: LearnSettings) -> str:
    """What the model of that kind, of the snapshot of that name, is called.

    Raises:
        UsageError: there is no such snapshot, nothing is embedded yet, or `learn.command` is none.
    """
    parts: list[Any] = [committed_hash(root, snapshot), kind, REVISION]
    if kind == "command":
        parts += [settings.command, *_hashes(trainer(str(settings.command)).words)]
        parts += ["original"] if settings.fit.pixels == "original" else []
    else:
        parts += [recorded_backbone(root)["name"], settings.rebalance]
    if kind in ("classifier", "detector"):
        parts.append(settings.fit.model_dump(exclude={"workers", "method"}))
    return f"{snapshot}-{settings_hash(*parts)[:8]}"


def _hashes(words: list[str]) -> list[str]:
    """Hashes of the files that a command names and that say how it trains; of what it writes there is none.

    The program itself is one if it begins as scripts do.
    """
    found = [_content(word) for word in words if PurePath(word).suffix.lower() in SAYS_HOW]
    found += [_content(words[0], begins=b"#!")] if words else []
    return [hashlib.sha256(one).hexdigest() for one in found if one is not None]


def _content(word: str, begins: bytes = b"") -> bytes | None:
    try:
        with Path(word).open("rb") as file:
            return begins + file.read() if file.read(len(begins)) == begins else None
    except (OSError, ValueError):  # no name of a file at all, or none that may be read
        return None
