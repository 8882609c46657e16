"""Where the dataset stands: counts, what is open or held and why, the last verdicts, what to do next."""

from datetime import datetime
from typing import Any

from tasks.store import choices, views
from tasks.store.log import read_log
from tasks.store.root import Root


def status(root: Root, settings_hash: str) -> dict[str, Any]:
    """Plain data for the terminal and for `--json`.

    Args:
        root: where the dataset is.
        settings_hash: of the settings that new batches would be planned with; objects of other ones are counted.
    """
    log = read_log(root)
    connection = views.connect(root)
    counts = _rows(connection, _COUNTS)[0]
    held = [
        {
            "batch": batch.batch_id,
            "stage": batch.held.stage,
            "since": _text(batch.held.at),
            "why": batch.held.note,
            "failed": batch.held.counts.get("failed", []),
        }
        for batch in log.open_batches
        if batch.held
    ]
    older = [
        batch.planned.counts["objects"]
        for batch in log.batches.values()
        if batch.planned.stage == "ingest" and batch.planned.settings_hash != settings_hash
    ]
    return {
        "root": root.uri,
        "outcomes": {
            row["outcome"]: row["n"]
            for row in _rows(connection, "SELECT outcome, count(*) AS n FROM objects GROUP BY outcome ORDER BY outcome")
        },
        "samples": counts["samples"],
        "kept": counts["kept"],
        "duplicates": counts["duplicates"],
        "embedded": counts["embedded"],
        "selected": counts["selected"],
        "labelled": counts["labelled"],
        "model": (choices.recall(root, "embed.model") or {}).get("name"),
        "open": [batch.batch_id for batch in log.open_batches if not batch.held],
        "held": held,
        "findings": {row["kind"]: row["n"] for row in _rows(connection, _FINDINGS)},
        "verdicts": _rows(connection, _VERDICTS),
        "objects_of_older_settings": sum(older),
        "oldest_waiting": _text(counts["oldest_waiting"]),
        "last_commit": _text(next((event.at for event in reversed(log.events) if event.event == "committed"), None)),
        "next": _next(held, counts, [batch.batch_id for batch in log.open_batches if not batch.held]),
    }


_COUNTS = """
    SELECT (SELECT count(*) FROM samples) AS samples, (SELECT count(*) FROM kept) AS kept,
    (SELECT count(*) FROM duplicates) AS duplicates,
    (SELECT count(DISTINCT sample_id) FROM embeddings) AS embedded,
    (SELECT count(DISTINCT sample_id) FROM selections) AS selected,
    (SELECT count(DISTINCT sample_id) FROM labels) AS labelled,
    (SELECT min(modified_at) FROM objects WHERE outcome IN ('pending', 'held')) AS oldest_waiting"""

_FINDINGS = "SELECT kind, count(*) AS n FROM findings WHERE status = 'open' GROUP BY kind ORDER BY kind"

_VERDICTS = """
    SELECT subject, transition, count(*) AS expectations, count(*) FILTER (NOT success) AS failed,
    max(judged_at)::VARCHAR AS judged_at
    FROM gates GROUP BY subject, transition ORDER BY max(judged_at) DESC, transition LIMIT 8"""


def _next(held: list[dict[str, Any]], counts: dict[str, Any], waiting: list[str]) -> str:
    if held:
        first = held[0]["batch"]
        return (
            f'look at the report, then `winnow release {first} --note "..."` or `winnow discard {first} --note "..."`'
        )
    if waiting:
        return "`winnow run` goes on with what was begun"
    if not counts["samples"]:
        return "`winnow run SOURCE` takes pictures in"
    if counts["selected"] > counts["labelled"]:
        return f"{counts['selected'] - counts['labelled']} selected samples wait for a label, in handoff/ of the root"
    return "`winnow run` takes in what is new"


def _rows(connection: Any, sql: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = connection.sql(sql).to_arrow_table().to_pylist()
    return rows


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
