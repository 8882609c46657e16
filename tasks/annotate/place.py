"""The place where people label that the settings name, and the ontology by which they do."""

from tasks.annotate.backend import Backend
from tasks.annotate.settings import LabelSettings
from tasks.labels.ontology import Ontology, only_ontology, ontology_names, read_ontology
from tasks.store.root import Root


def place_for(root: Root, settings: LabelSettings) -> Backend:
    """The backend. Raises UsageError if it cannot be used as it is set."""
    match settings.backend:
        case "label-studio":
            from tasks.annotate.backends.label_studio import LabelStudio

            return LabelStudio(root, settings.label_studio)
        case "oracle":
            from tasks.annotate.backends.oracle import Oracle

            return Oracle(root, settings.oracle)
        case "files":
            from tasks.annotate.backends.files import Files

            return Files(root)


def wants_labels(root: Root, settings: LabelSettings) -> bool:
    """Whether anything is to be labelled: something says by which ontology."""
    return settings.ontology is not None or settings.backend == "oracle" or len(ontology_names(root)) == 1


def ontology_for(root: Root, settings: LabelSettings) -> Ontology:
    """The ontology to label by; the oracle's is made from its classes, and may not be on file yet.

    Raises:
        UsageError: there is none, or several and none is named.
    """
    if settings.ontology is None and settings.backend == "oracle":
        from tasks.annotate.backends.oracle import own_ontology

        return own_ontology(root, settings.oracle)
    return read_ontology(root, settings.ontology or only_ontology(root))
