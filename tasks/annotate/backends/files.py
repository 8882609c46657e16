"""Files: annotators work with the hand-off folder, and what they made is put into `<root>/returned/ANNOTATOR/`.

Any tool will do that reads images and writes COCO, CVAT, Label Studio's JSON, or a CSV. A file that is changed there is
read again; one that is taken away takes no label back.
"""

import json
import urllib.parse
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, Literal

from tasks.annotate.backend import Answer, Pushed, Task
from tasks.annotate.taken import take
from tasks.labels.formats import read_labels
from tasks.labels.match import match_names
from tasks.labels.ontology import Ontology
from tasks.store.errors import Unreachable, UsageError
from tasks.store.root import Root
from tasks.store.storage import Entry, shown

RETURNED = "returned"

_FORMS = {".csv": "csv", ".xml": "cvat"}


class Files:
    """Answers in files."""

    origin: Literal["human", "oracle"] = "human"

    def __init__(self, root: Root) -> None:
        self.root = root

    def push(self, ontology: Ontology, purpose: str, tasks: Iterable[Task]) -> Pushed:
        """The hand-off is there already."""
        return Pushed(0, sum(1 for _ in tasks), shown(self.root.at("handoff")))

    def collect(self, ontology: Ontology, since: datetime | None) -> Iterator[Answer]:
        """What every file says; a file that cannot be read is one answer with trouble."""
        for entry in sorted(self._files(), key=lambda entry: entry.uri):
            try:
                yield from self._answers(entry, ontology)
            except (UsageError, Unreachable) as error:
                yield self._answer(entry, "", None, str(error))

    def deleted(self, ontology: Ontology, collected: set[str]) -> set[str]:
        """A file that is gone takes nothing back."""
        return set()

    def forget(self, ontologies: Iterable[Ontology], samples: Collection[str]) -> int:
        """What was returned lies in the root, and is forgotten there."""
        return 0

    def check(self) -> dict[str, Any]:
        """How many files were returned."""
        return {"place": shown(self.root.at(RETURNED)), "files": sum(1 for _ in self._files())}

    def _files(self) -> Iterator[Entry]:
        found = self.root.storage.list(self.root.at(RETURNED))
        return (one for one in found if isinstance(one, Entry) and _name(one).suffix in (".csv", ".json", ".xml"))

    def _answers(self, entry: Entry, ontology: Ontology) -> Iterator[Answer]:
        content = self.root.storage.read(entry.uri, entry.version)
        with ExitStack() as stack:
            copy = PurePosixPath(stack.enter_context(TemporaryDirectory()), _name(entry).name)
            with open(copy, "wb") as file:
                file.write(content)
            contents = read_labels(_form(entry, content), str(copy), ontology.type)
        matched = match_names(self.root, [picture.name for picture in contents.pictures])
        for picture in contents.pictures:
            target = matched.found.get(picture.name)
            if target is None:
                yield self._answer(entry, picture.name, None, f"{picture.name[:80]!r} names no sample")
                continue
            taken = take(picture, target)
            if taken.value is not None or taken.wrong:
                yield self._answer(entry, taken.sample_id or "", taken.value, "; ".join(taken.wrong) or None)

    def _answer(self, entry: Entry, sample: str, value: dict[str, Any] | None, trouble: str | None) -> Answer:
        changed_at = datetime.fromtimestamp(entry.modified_at, UTC)
        below = urllib.parse.unquote(entry.uri.removeprefix(self.root.at(RETURNED) + "/"))
        parts = PurePosixPath(below).parts
        annotator = parts[0] if len(parts) > 1 else PurePosixPath(below).stem
        return Answer(sample, annotator, value, f"files:{below}#{sample}", changed_at, trouble=trouble)


def _name(entry: Entry) -> PurePosixPath:
    return PurePosixPath(urllib.parse.unquote(entry.uri))


def _form(entry: Entry, content: bytes) -> str:
    """The format, by the ending of the name; of JSON by what is in it."""
    suffix = _name(entry).suffix
    if suffix in _FORMS:
        return _FORMS[suffix]
    try:
        stated = json.loads(content)
    except ValueError as error:
        raise UsageError(f"{shown(entry.uri)} is no whole JSON ({error}).") from error
    return "label-studio" if isinstance(stated, list) else "coco"
