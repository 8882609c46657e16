"""Import labels that were made elsewhere: new rows beside what is there, nothing is overwritten."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tasks.annotate.before import Before
from tasks.annotate.doubt import Doubt, doubt_rows
from tasks.annotate.taken import Taken, take, with_attributes_of
from tasks.labels.change import apply_ontology
from tasks.labels.formats import READERS, read_labels
from tasks.labels.formats.picture import Contents
from tasks.labels.formats.same import same
from tasks.labels.made import ontology_for, the_ontology
from tasks.labels.match import Matched, match_names
from tasks.labels.ontology import Ontology
from tasks.labels.rows import Annotation, annotation_rows
from tasks.labels.values import EMPTY, LabelType, Value
from tasks.progress import advance
from tasks.store.commit import write
from tasks.store.errors import UsageError
from tasks.store.root import Root, open_root
from tasks.store.schema import ANNOTATIONS, FINDINGS
from tasks.unit import unit

SLICE = 2048
"""Labels written at a time."""

SHOWN = 5
"""Names of each kind that are told."""


@dataclass
class Imported:
    """What an import did, or would do.

    Attributes:
        ontology: name of the ontology; `version` is its version, `classes` how many of its classes are new.
        pictures: how many the file names.
        new: labels of samples that had none from there.
        changed: labels that take the place of what was imported before.
        known: labels that say what is known already.
        skipped: pictures with nothing on them that were to be skipped.
        wrong: findings of kind `label_invalid`: what could not be used, and why.
        unknown: how many names mean no sample; `ambiguous`: how many mean several; `names` has a few of both.
        notes: what else was left out, in words.
    """

    ontology: str
    version: int
    classes: int
    pictures: int
    new: int = 0
    changed: int = 0
    known: int = 0
    skipped: int = 0
    wrong: int = 0
    unknown: int = 0
    ambiguous: int = 0
    names: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@unit("import labels")
def import_labels(
    root: str,
    place: str,
    form: str,
    ontology: str | None = None,
    *,
    annotator: str | None = None,
    kind: LabelType | None = None,
    create: bool = False,
    empty: bool = True,
    dry_run: bool = False,
) -> Imported:
    """Import labels of a file or folder; the same again changes nothing.

    Args:
        root: URI of the root.
        place: file or folder on this machine.
        form: name of the format, see tasks/labels/formats.
        ontology: name of the ontology; the only one there is if it is not given. One that is not there yet is made from
            the classes that are found.
        annotator: who made the labels. If it is not given they are the format's, and what any import said last, or what
            is believed now, is not said again.
        kind: type of the labels, where the ontology is new and the format leaves it open.
        create: add classes that the ontology lacks, as a new version of it.
        empty: a picture that is listed without shapes has nothing on it; else it is not labelled.
        dry_run: change nothing.

    Raises:
        UsageError: the files are wrong, no name means a sample, or the ontology lacks a class.
    """
    opened = open_root(root)
    current = the_ontology(opened, ontology)
    contents = read_labels(form, place, current.type if current else kind)
    matched = matched_or_refused(opened, contents, place)
    taken = _taken(contents, matched, empty=empty)
    by = ontology_for(current, ontology or "", contents, [one.value for one in taken if one.value], add=create)
    if by is not current:
        by = apply_ontology(opened, by, dry_run=dry_run).ontology
    samples = sorted({one.sample_id for one in taken if one.sample_id})
    before = Before(opened, by, samples, annotator or form, READERS[form].HOLDS[by.type])
    sorting = _Sorting(opened, by, before, annotator or form, Path(place).resolve().name, own=annotator is not None)
    for one in taken:
        sorting.sort(one)
        advance("import", 1)
    if not dry_run:
        sorting.write()
    return Imported(
        by.name,
        by.version,
        len(by.classes) - (len(current.classes) if current else 0),
        len(contents.pictures),
        **sorting.counts,
        skipped=sum(picture.value == EMPTY for picture in contents.pictures) if not empty else 0,
        unknown=len(matched.unknown),
        ambiguous=len(matched.ambiguous),
        names=[*matched.unknown[:SHOWN], *matched.ambiguous[:SHOWN]],
        notes=[*contents.notes, *sorting.notes],
    )


def matched_or_refused(root: Root, contents: Contents, place: str) -> Matched:
    """The samples of what was read. Raises UsageError if there are none."""
    matched = match_names(root, [picture.name for picture in contents.pictures])
    if not matched.found:
        named = [picture.name for picture in contents.pictures[:1]]
        told = f", as {named[0][:80]!r}" if named else ""
        raise UsageError(f"{place} names no sample that is here, by file name, path or sample_id{told}.")
    return matched


def _taken(contents: Contents, matched: Matched, *, empty: bool) -> list[Taken]:
    """What can be used of every picture whose sample is known; of what belongs to no picture, what is wrong with it."""
    advance("import", 0, len(matched.found) + 1)
    taken = [Taken(None, None, None, contents.trouble)]
    for picture in contents.pictures:
        if picture.name in matched.found and (empty or picture.value != EMPTY):
            taken.append(take(picture, matched.found[picture.name]))
    return taken


class _Sorting:
    """Sorts what was taken into new rows, doubts, and what is known."""

    def __init__(self, root: Root, by: Ontology, before: Before, annotator: str, file: str, *, own: bool) -> None:
        self._root, self._by, self._annotator, self._file, self._own = root, by, annotator, file, own
        self._before = before
        self._first: dict[str, Taken] = {}
        self._made: list[Annotation] = []
        self._doubts: list[Doubt] = []
        self._left_out: Counter[str] = Counter()
        self._known = 0

    def sort(self, one: Taken) -> None:
        """Take in what a file says of one picture."""
        first = self._first.get(one.sample_id or "")
        annotation_id = None
        if one.value is not None and one.sample_id is not None and first is None:
            self._first[one.sample_id] = one
            annotation_id = self._label(one.sample_id, one.value)
        elif one.value is not None and first is not None and not same(one.value, first.value or {}):
            one.wrong.append(
                f"the file says another thing of the same picture by the name {first.name!r}, which counts"
            )
        self._doubts += [Doubt(reason, one.name, one.sample_id, annotation_id) for reason in one.wrong]

    def _label(self, sample_id: str, value: Value) -> str | None:
        value = self._by.conform(with_attributes_of(value, self._by, self._left_out))
        if self._before.says(sample_id, value, own=self._own):
            self._known += 1
            return self._before.replaced(sample_id)
        replaced = self._before.replaced(sample_id)
        made = Annotation(sample_id, value, self._annotator, replaces=replaced, reference=self._file)
        self._made.append(made)
        return made.id("import", self._by)

    def write(self) -> None:
        """Write the rows; the same again changes nothing."""
        for start in range(0, len(self._made), SLICE):
            rows = annotation_rows(self._made[start : start + SLICE], "import", self._by)
            write(self._root, ANNOTATIONS.name, rows)
        for start in range(0, len(self._doubts), SLICE):
            write(self._root, FINDINGS.name, doubt_rows(self._doubts[start : start + SLICE], self._file))

    @property
    def counts(self) -> dict[str, int]:
        """Figures for `Imported`."""
        changed = sum(one.replaces is not None for one in self._made)
        new = len(self._made) - changed
        return {"new": new, "changed": changed, "known": self._known, "wrong": len(self._doubts)}

    @property
    def notes(self) -> list[str]:
        """What the ontology has no place for, in words."""
        return [
            f"{count:,} attributes {name!r} left out: the ontology {self._by.name} has none of that name and value"
            for name, count in self._left_out.items()
        ]
