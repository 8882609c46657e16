"""What a program of the user's own left as its model: plain files, kept in the root. Only such a program reads them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from tasks.learn.models.file import ModelConfig, model_uri
from tasks.store.errors import Unreachable, UsageError
from tasks.store.root import Root


def keep_folder(root: Root, version: str, folder: Path) -> list[str]:
    """Keep every file below a folder beside the model of that version; their paths in the folder, in order.

    Raises:
        UsageError: something in it is no file, or a link that leads out; then nothing is kept.
    """
    names = sorted(_files(folder))
    root.storage.delete(_uri(root, version))
    for name in names:
        root.storage.write(_uri(root, version, name), (folder / name).read_bytes())
    return names


def restore_folder(root: Root, config: ModelConfig, folder: Path) -> None:
    """Put what was kept into a folder of this machine.

    Raises:
        UsageError: a file of it is gone.
        Unreachable: one cannot be read now, which says nothing about it.
    """
    for name in config.files:
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            with root.storage.local_copy(_uri(root, config.version, name)) as kept, place.open("wb") as file:
                shutil.copyfileobj(kept, file)
        except Unreachable as error:
            if error.reason != "not_found":
                raise
            raise UsageError(
                f"The file {name} of model {config.version} is gone: restore it from a backup, or train again."
            ) from error


def _files(folder: Path) -> Iterator[str]:
    inside = folder.resolve()
    for path in folder.rglob("*"):
        if path.is_dir() and path.resolve().is_relative_to(inside):
            continue
        name = path.relative_to(folder).as_posix()
        shown = name.encode("utf-8", "replace").decode()
        if shown != name or not path.is_file() or not path.resolve().is_relative_to(inside):
            raise UsageError(
                f"learn.command left {shown!r} in {{model}}, and only files that lie inside that folder can be kept."
            )
        yield name


def _uri(root: Root, version: str, name: str = "") -> str:
    return model_uri(root, version, f"model/{name}".rstrip("/"))
