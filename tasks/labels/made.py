"""The ontology that an import goes by: the one that is there, or one made from the classes that were found."""

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from tasks.labels.formats.picture import Contents
from tasks.labels.ontology import Attribute, Label, Ontology, only_ontology, ontology_names, read_ontology
from tasks.labels.values import Value, classes, shapes
from tasks.store.errors import UsageError
from tasks.store.root import Root

MOST_VALUES = 50
"""An attribute with more values than that is no choice, but text."""


def the_ontology(root: Root, name: str | None) -> Ontology | None:
    """The ontology of that name, None if it is not there yet; without a name, the only one there is.

    Raises:
        UsageError: no name is given, and there are several or none.
    """
    if name is None:
        return read_ontology(root, only_ontology(root))
    return read_ontology(root, name) if name in ontology_names(root) else None


def ontology_for(
    current: Ontology | None, name: str, contents: Contents, values: list[Value], *, add: bool
) -> Ontology:
    """The current ontology if it has every class; else one with the classes and attributes that were found, too.

    Args:
        current: what is there; None for nothing.
        name: of a new one.
        contents: what was read.
        values: the labels of it that count here.
        add: whether classes may be added to the current one.

    Raises:
        UsageError: the current one lacks classes that may not be added, or a class has no possible name.
    """
    used = sorted({name for value in values for name in classes(value)})
    lacking = sorted(set(used) - set(current.class_names)) if current else []
    if current and not lacking:
        return current
    if current and not add:
        told = f"{', '.join(map(repr, lacking[:5]))}{', ...' if len(lacking) > 5 else ''}"
        raise UsageError(
            f"The ontology {current.name} has no class {told}: rename what the file says, name another ontology, or "
            "add them with --create-ontology."
        )
    if contents.type == "probabilities":
        raise UsageError(f"{name} is no ontology here, and probabilities make none: name another.")
    before = current or Ontology.model_construct(name=name, type=contents.type, classes=[])
    new = lacking if current else list(dict.fromkeys([*contents.classes, *used]))
    known = {one.name for one in before.attributes}
    stated: dict[str, Any] = before.model_dump(exclude={"changes", "version"})
    try:
        return Ontology(
            **{**stated, "name": name, "classes": [*before.classes, *(Label(name=one) for one in new)]}
            | {"attributes": [*before.attributes, *(one for one in _attributes(values) if one.name not in known)]}
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"The classes make no ontology {name}: {first['msg']}.") from error


def _attributes(values: Iterable[Value]) -> list[Attribute]:
    """The attributes that are yes or no, or one of a few words."""
    found: dict[str, set[Any]] = {}
    for value in values:
        for part in (value, *shapes(value)):
            for name, told in part.get("attributes", {}).items():
                found.setdefault(name, set()).add(told)
    made = []
    for name, told in sorted(found.items()):
        if all(isinstance(one, bool) for one in told):
            made.append(Attribute(name=name))
        elif len(told) <= MOST_VALUES and all(isinstance(one, str) and one for one in told):
            made.append(Attribute(name=name, values=sorted(told)))
    return made
