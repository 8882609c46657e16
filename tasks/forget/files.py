"""Files of the root: pictures, hand-offs, exports, what models predicted. Whatever names something forgotten goes.

The report and the caches are removed whole: they are made again of what is left.
"""

import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field

from tasks.forget.mentions import Mentions
from tasks.forget.scrub import is_opaque, scrubbed
from tasks.progress import advance
from tasks.store.errors import Unreachable, WinnowError
from tasks.store.ids import content_id
from tasks.store.root import Root
from tasks.store.storage import Entry, shown

APART = ("tables", "staging", "snapshots", "choices", "ontologies")
"""What is erased elsewhere, and what names no sample."""

MADE_AGAIN = ("reports", "indexes")

GO_ON = "`winnow maintain` finishes what was begun to be forgotten."

MAP = "map-"
"""Files of the map in indexes/: their rows may go one by one, so that no other point moves."""


@dataclass
class ErasedFiles:
    """What became of files, or would.

    Attributes:
        removed: files that went.
        rewritten: files that went on without what they said of what is forgotten.
        models: versions of the models among whose files these are.
    """

    removed: int = 0
    rewritten: int = 0
    models: set[str] = field(default_factory=set)


def erase_files(root: Root, mentions: Mentions, *, dry_run: bool = False) -> ErasedFiles:
    """Go through every file of the root but those of tables and staging. Raises WinnowError if one cannot be read."""
    done = ErasedFiles()
    for entry in list(_files(root)):
        below = urllib.parse.unquote(entry.uri.removeprefix(root.uri + "/"))
        try:
            _erase_file(root, entry, below, mentions, done, dry_run)
        except Unreachable as error:
            if error.reason != "not_found":
                raise WinnowError(f"{shown(entry.uri)} cannot be read ({error.detail}): mend that. {GO_ON}") from error
        advance("files", 1)
    return done


def _files(root: Root) -> Iterator[Entry]:
    for entry in root.storage.list(root.uri):
        if isinstance(entry, Entry):
            below = urllib.parse.unquote(entry.uri.removeprefix(root.uri + "/"))
            if ("/" in below and below.partition("/")[0] not in APART) or _half_written(below):
                yield entry


def _erase_file(root: Root, entry: Entry, below: str, mentions: Mentions, done: ErasedFiles, dry_run: bool) -> None:
    if _goes_unread(below, mentions) or _is_original(root, entry, mentions):
        done.removed += 1
        if not dry_run:
            root.storage.delete(entry.uri)
        return
    if is_opaque(below):
        return
    content = root.storage.read(entry.uri)
    left = scrubbed(below, content, mentions)
    if left == content:
        return
    done.removed += left is None
    done.rewritten += left is not None
    folder, _, inside = below.partition("/")
    if folder == "models":
        done.models.add(inside.partition("/")[0])
    if not dry_run:
        root.storage.delete(entry.uri) if left is None else root.storage.write(entry.uri, left)


def _goes_unread(below: str, mentions: Mentions) -> bool:
    folder, *_, name = below.split("/")
    is_cache = folder in MADE_AGAIN and not (folder == "indexes" and name.startswith(MAP))
    stem = name.rpartition(".")[0]
    unread = is_cache or _half_written(below) or below in mentions.pictures
    return unread or any(map(mentions.text, [below, stem, *below.split("/")]))


def _half_written(below: str) -> bool:
    """What a killed run left while it wrote or removed a file."""
    return any(name.startswith(".") and name.endswith((".part", ".gone")) for name in below.split("/"))


def _is_original(root: Root, entry: Entry, mentions: Mentions) -> bool:
    """Whether a file, whatever it is called, has the bytes of one that is forgotten."""
    if str(entry.byte_size) not in mentions.sizes:
        return False
    return content_id(root.storage.read(entry.uri)) in mentions.ids
