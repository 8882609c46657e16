"""Commit a round of labels: what people answered, what they agree on, and what is doubtful."""

from typing import Any

import pyarrow as pa

from tasks.annotate.collect import Collected, state_of
from tasks.annotate.fresh import STAGE
from tasks.labels.ontology import read_ontology
from tasks.store import staging
from tasks.store.commit import Resolved, commit
from tasks.store.log import Log
from tasks.store.root import Root, open_root
from tasks.store.schema import ANNOTATIONS, FINDINGS
from tasks.store.table import Table
from tasks.unit import unit


@unit("commit labels")
def commit_labels(root: str, collected: Collected, consensus: str | None, findings: str | None) -> dict[str, Any]:
    """Commit a round; its counts. Of a discarded round the answers stay on file as discarded, so that none comes back.

    Args:
        root: URI of the root.
        collected: the round.
        consensus: URI of the staged annotations that the review adds.
        findings: URI of the staged findings of the review.
    """
    opened = open_root(root)
    name = collected.name or ""

    def resolve(log: Log) -> Resolved:
        answers = _staged(opened, collected.answers_uri, ANNOTATIONS)
        counts = {"answers": collected.answers, "troubles": collected.troubles, "deleted": collected.deleted}
        if log.batches[name].discarded:
            place = answers.column_names.index("status")
            discarded = answers.set_column(place, "status", pa.repeat("discarded", len(answers)))
            return Resolved([(ANNOTATIONS, discarded)], counts)
        rows = [
            (FINDINGS, _staged(opened, collected.troubles_uri, FINDINGS)),
            (ANNOTATIONS, answers),
            (ANNOTATIONS, _staged(opened, consensus, ANNOTATIONS)),
            (FINDINGS, _staged(opened, findings, FINDINGS)),
        ]
        ontology = read_ontology(opened, collected.ontology)
        added = pa.concat_tables(part for table, part in rows if table is ANNOTATIONS)
        counts |= {"consensus": len(rows[2][1]), "suspects": len(rows[3][1])}
        return Resolved(
            [(table, part) for table, part in rows if len(part)],
            counts | {"state": state_of(opened, ontology, added)},
        )

    return commit(opened, name, STAGE, resolve).counts


def _staged(root: Root, uri: str | None, table: Table) -> pa.Table:
    if not uri:
        return table.schema.empty_table()
    return next(staging.read_all(root, [uri])).cast(table.schema)
