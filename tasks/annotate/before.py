"""What imports and people said before an import, so that what is known is not said again."""

from dataclasses import dataclass

import pyarrow as pa

from tasks.labels.formats.fitting import Holds, fitting
from tasks.labels.formats.picture import Picture
from tasks.labels.formats.same import same
from tasks.labels.ontology import Ontology
from tasks.labels.values import Value, as_value
from tasks.store import views
from tasks.store.root import Root


@dataclass(frozen=True)
class _Said:
    annotation_id: str
    value: Value
    is_outdated: bool

    def says(self, value: Value, holds: Holds) -> bool:
        """Whether this is that value, or would be in a format that holds no more than that."""
        if self.is_outdated:
            return False
        return same(self.value, value) or any(
            same(one.value, value) for one in fitting([Picture("", self.value)], holds)[0] if one.value
        )


class Before:
    """The labels that samples have already."""

    def __init__(self, root: Root, ontology: Ontology, samples: list[str], annotator: str, holds: Holds) -> None:
        """Read what counts for these samples.

        Args:
            root: where the dataset is.
            ontology: what the labels answer.
            samples: sample ids.
            annotator: whose imports are the import's own.
            holds: what the format holds: what it cannot hold it does not take back either.
        """
        self._holds = holds
        wanted = pa.table({"sample_id": pa.array(samples, pa.string())})
        connection = views.connect(root, wanted=wanted)
        self._own: dict[str, _Said] = {}
        self._last: dict[str, _Said] = {}
        self._current: dict[str, _Said] = {}
        for sample_id, who, *said in connection.execute(_IMPORTED, [ontology.name]).fetchall():
            self._last[sample_id] = _said(*said)
            if who == annotator:
                self._own[sample_id] = self._last[sample_id]
        for sample_id, _, *said in connection.execute(_CURRENT, [ontology.name]).fetchall():
            self._current[sample_id] = _said(*said)

    def says(self, sample_id: str, value: Value, *, own: bool) -> bool:
        """Whether this was said last: by imports of the same annotator, or by any import, or by whoever is believed."""
        places = [self._own] if own else [self._last, self._current]
        return any(place[sample_id].says(value, self._holds) for place in places if sample_id in place)

    def replaced(self, sample_id: str) -> str | None:
        """annotation_id of what the annotator's last import said."""
        said = self._own.get(sample_id)
        return said.annotation_id if said else None


def _said(annotation_id: str, value: str, status: str) -> _Said:
    return _Said(annotation_id, as_value(value), status == "outdated")


_IMPORTED = """
    SELECT sample_id, annotator, annotation_id, value, status FROM annotations SEMI JOIN wanted USING (sample_id)
    WHERE origin = 'import' AND ontology = ? ORDER BY created_at"""

_CURRENT = """
    SELECT sample_id, annotator, annotation_id, value, status FROM labels SEMI JOIN wanted USING (sample_id)
    WHERE ontology = ?"""
