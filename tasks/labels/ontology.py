"""Ontologies: what annotators may answer. Every version stays on file; a change says what becomes of older labels.

`<root>/ontologies/NAME.yaml` is the newest version, `<root>/ontologies/NAME/0001.yaml` and so on are all of them.
"""

import re
from collections import Counter
from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from tasks.labels.values import BadLabel, LabelType, Value, canonical, classes, shapes
from tasks.store.errors import Unreachable, UsageError, WinnowError
from tasks.store.root import Root
from tasks.store.settings import StrictModel
from tasks.store.storage import shown

Name = Annotated[str, Field(min_length=1, max_length=200)]

_FILE_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}")


class Label(StrictModel):
    """One class."""

    name: Name
    definition: str = Field(default="", description="What it is, and what it is not, in a sentence.")
    example: str | None = Field(default=None, description="Sample id or place of a picture that shows it well.")
    guideline: str = Field(default="", description="How annotators decide the hard cases.")


class Attribute(StrictModel):
    """Something to say of a label or a shape besides its class."""

    name: Name
    values: list[Name] = Field(default_factory=list, description="What it may be; with none it is yes or no.")


class Rename(StrictModel):
    """A class has another name now."""

    kind: Literal["rename"] = "rename"
    old: Name
    new: Name


class Merge(StrictModel):
    """Several classes are one now."""

    kind: Literal["merge"] = "merge"
    old: list[Name] = Field(min_length=2)
    new: Name


class Split(StrictModel):
    """A class is several now: its labels have to be made again."""

    kind: Literal["split"] = "split"
    old: Name
    new: list[Name] = Field(min_length=2)


class Retire(StrictModel):
    """A class is asked for no more: its shapes are left out, other labels of it have to be made again."""

    kind: Literal["retire"] = "retire"
    old: Name


Change = Annotated[Rename | Merge | Split | Retire, Field(discriminator="kind")]


class Ontology(StrictModel):
    """The label schema."""

    name: str = Field(description="Letters, digits, '.', '_' and '-', at most 64.")
    version: int = Field(default=1, ge=1, description="Set by Winnow: 1, and one more for each change.")
    type: LabelType = Field(description="class, multilabel, boxes or masks.")
    classes: list[Label] = Field(min_length=1, description="A name is enough: `- dress`.")
    attributes: list[Attribute] = Field(default_factory=list)
    guideline: str = Field(default="", description="What annotators read first.")
    changes: list[Change] = Field(
        default_factory=list,
        description="What became of the classes of the version before: rename, merge, split, retire.",
    )

    @model_validator(mode="before")
    @classmethod
    def _names_are_enough(cls, stated: Any) -> Any:
        if isinstance(stated, dict) and isinstance(stated.get("classes"), list):
            spelt = [{"name": one} if isinstance(one, str) else one for one in stated["classes"]]
            return {**stated, "classes": spelt}
        return stated

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not _FILE_NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no name: letters, digits, '.', '_' and '-', at most 64")
        for what, names in (("class", self.class_names), ("attribute", [one.name for one in self.attributes])):
            twice = [name for name, times in Counter(names).items() if times > 1]
            if twice:
                raise ValueError(f"the {what} {min(twice)!r} is there twice")
        return self

    @property
    def class_names(self) -> list[str]:
        """The classes, in their order."""
        return [one.name for one in self.classes]

    def conform(self, value: Value) -> Value:
        """The value in its canonical form. Raises BadLabel unless this ontology allows it."""
        plain = canonical(self.type, value)
        strangers = sorted(set(classes(plain)) - set(self.class_names))
        if strangers:
            raise BadLabel(f"{self.name} has no class {strangers[0]!r}")
        allowed = {one.name: one.values for one in self.attributes}
        for part in (plain, *shapes(plain)):
            for name, told in part.get("attributes", {}).items():
                if name not in allowed:
                    raise BadLabel(f"{self.name} has no attribute {name!r}")
                if (told not in allowed[name]) if allowed[name] else not isinstance(told, bool):
                    raise BadLabel(f"the attribute {name!r} cannot be {told!r}")
        return plain


def carry(change: Change) -> Callable[[str], str | None]:
    """What a class is called after a change; None if nobody can tell. See `values.with_classes`."""
    match change:
        case Rename() | Merge():
            old = {change.old} if isinstance(change.old, str) else set(change.old)
            return lambda name: change.new if name in old else name
        case _:
            return lambda name: None if name == change.old else name


def read_ontology(root: Root, name: str) -> Ontology:
    """The newest version. Raises UsageError if there is none of that name."""
    versions = ontology_versions(root, name)
    if not versions:
        known = ontology_names(root)
        told = f"there are: {', '.join(known)}" if known else "there is none yet"
        raise UsageError(f"There is no ontology {name}; {told}. `winnow ontology apply FILE` brings one in.")
    return versions[-1]


def only_ontology(root: Root) -> str:
    """The name of the only one there is. Raises UsageError if there are several or none."""
    names = ontology_names(root)
    if not names:
        raise UsageError("There is no ontology yet: `winnow ontology apply FILE` says what annotators may answer.")
    if len(names) > 1:
        raise UsageError(f"Name an ontology: there are {', '.join(names)}.")
    return names[0]


def ontology_versions(root: Root, name: str) -> list[Ontology]:
    """All versions, oldest first."""
    found: list[Ontology] = []
    while _FILE_NAME.fullmatch(name):
        place = version_uri(root, name, len(found) + 1)
        try:
            found.append(as_ontology(root.storage.read(place), shown(place)))
        except Unreachable as error:
            if error.reason != "not_found":
                raise WinnowError(f"{shown(place)} cannot be read ({error.detail}); run it again.") from error
            break
    return found


def ontology_names(root: Root) -> list[str]:
    """Ontologies of the root."""
    return sorted(
        name
        for name in root.storage.names(root.at("ontologies"))
        if _FILE_NAME.fullmatch(name) and not name.endswith(".yaml")
    )


def as_ontology(content: bytes, where: str) -> Ontology:
    """Read YAML. Raises UsageError that says what is wrong and where."""
    try:
        stated = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError(f"The ontology {where} is no YAML: {' '.join(str(error).split())}") from error
    try:
        return Ontology.model_validate(stated)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"The ontology {where} is wrong: {path + ': ' if path else ''}{first['msg']}.") from error


def as_yaml(ontology: Ontology) -> bytes:
    """What `as_ontology` reads."""
    stated = ontology.model_dump(mode="json", exclude_defaults=True) | {"version": ontology.version}
    changes = [one.model_dump(mode="json") for one in ontology.changes]
    stated |= {"changes": changes} if changes else {}
    return yaml.safe_dump(stated, sort_keys=False, allow_unicode=True).encode()


def version_uri(root: Root, name: str, version: int) -> str:
    """Where a version is on file."""
    return root.at("ontologies", name, f"{version:04d}.yaml")
