"""Forget: what the place where people label has of some samples goes."""

from collections.abc import Collection

from tasks.annotate.place import place_for
from tasks.annotate.settings import LabelSettings
from tasks.labels.ontology import ontology_names, read_ontology
from tasks.store.errors import WinnowError
from tasks.store.root import Root, open_root
from tasks.unit import unit


@unit("forget tasks")
def forget_tasks(root: str, samples: Collection[str], settings: LabelSettings) -> str | None:
    """Remove the tasks of some samples; a sentence if the place does not answer, or refuses."""
    if settings.backend != "label-studio":
        return None
    opened: Root = open_root(root)
    ontologies = [read_ontology(opened, name) for name in ontology_names(opened)]
    try:
        place_for(opened, settings).forget(ontologies, samples)
    except WinnowError as error:
        return f"What the label server has of it stays for now: {error}"
    return None
