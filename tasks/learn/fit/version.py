"""The name of a model, known before it is trained: its snapshot, and all that would make another model of it."""

import hashlib
from pathlib import Path
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
    else:
        parts += [recorded_backbone(root)["name"], settings.rebalance]
    if kind in ("classifier", "detector"):
        parts.append(settings.fit.model_dump(exclude={"workers", "method"}))
    return f"{snapshot}-{settings_hash(*parts)[:8]}"


def _hashes(words: list[str]) -> list[str]:
    """Hashes of the files that a command names; of the program itself only if it is a script, and no interpreter."""
    found = [_hash(Path(word), script=place == 0) for place, word in enumerate(words)]
    return [one for one in found if one]


def _hash(path: Path, *, script: bool) -> str | None:
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            is_script = file.read(2) == b"#!"
            file.seek(0)
            return hashlib.file_digest(file, "sha256").hexdigest() if is_script or not script else None
    except (OSError, ValueError):  # no name of a file at all, or none that may be read
        return None
