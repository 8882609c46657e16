"""Where the dataset stands: counts, what is open or held and why, the last verdicts, what to do next."""

from datetime import UTC, datetime
from typing import Any

from tasks.labels.champion import promotion_of
from tasks.report.models import rounds_of
from tasks.store import choices, views
from tasks.store.log import Log, read_log
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
        "snapshots": counts["snapshots"],
        "champions": _champions(log),
        "model": (choices.recall(root, choices.EMBEDDING) or {}).get("name"),
        "open": [batch.batch_id for batch in log.open_batches if not batch.held],
        "held": held,
        "findings": {row["kind"]: row["n"] for row in _rows(connection, _FINDINGS)},
        "verdicts": _rows(connection, _VERDICTS),
        "objects_of_older_settings": sum(older),
        "oldest_waiting": _text(counts["oldest_waiting"]),
        "lag_s": _age(counts["oldest_waiting"]),
        "last_commit": _text(next((event.at for event in reversed(log.events) if event.event == "committed"), None)),
        "next": _next(held, counts, [batch.planned.stage for batch in log.open_batches if not batch.held]),
    }


_COUNTS = """
    SELECT (SELECT count(*) FROM samples) AS samples, (SELECT count(*) FROM kept) AS kept,
    (SELECT count(*) FROM duplicates) AS duplicates,
    (SELECT count(DISTINCT sample_id) FROM embeddings) AS embedded,
    (SELECT count(DISTINCT sample_id) FROM selections) AS selected,
    (SELECT count(DISTINCT sample_id) FROM labels) AS labelled,
    (SELECT count(*) FROM snapshots) AS snapshots,
    (SELECT min(modified_at) FROM objects WHERE outcome IN ('pending', 'held')) AS oldest_waiting"""

_FINDINGS = "SELECT kind, count(*) AS n FROM findings WHERE status = 'open' GROUP BY kind ORDER BY kind"

_VERDICTS = """
    SELECT subject, transition, count(*) AS expectations, count(*) FILTER (NOT success) AS failed,
    max(judged_at)::VARCHAR AS judged_at
    FROM gates GROUP BY subject, transition ORDER BY max(judged_at) DESC, transition LIMIT 8"""


def champion_in_words(model: dict[str, Any]) -> str:
    """`snapshot-3-0a1b2c3d of pets: balanced accuracy 81.2% (78.0% to 84.1%) with 400 labels`."""
    value, low, high = (model[name] for name in ("value", "low", "high"))
    figure = "" if value is None else f": {model['metric'].replace('_', ' ')} {value:.1%}"
    interval = "" if low is None or high is None else f" ({low:.1%} to {high:.1%})"
    refused = len(model["refused_since"])
    since = f"; {refused} refused since" if refused else ""
    return f"{model['version']} of {model['ontology']}{figure}{interval} with {model['labels']:,} labels{since}"


def _champions(log: Log) -> list[dict[str, Any]]:
    """The champion of every ontology that has one, and the models that were refused after it was promoted."""
    rounds = rounds_of(log)
    decided = {event.batch_id: event.seq for event in log.events if event.event == "discarded"}
    champions = []
    for ontology in dict.fromkeys(one.ontology for one in rounds):
        promoted = promotion_of(log, ontology)
        if promoted:
            champion = next(one for one in rounds if one.version == promoted.batch_id)
            told = ("ontology", "version", "snapshot", "metric", "value", "low", "high", "labels")
            refused = [one.version for one in rounds if one.ontology == ontology and one.state == "refused"]
            champions.append(
                {name: getattr(champion, name) for name in told}
                | {"promoted_at": _text(promoted.at)}
                | {"refused_since": [one for one in refused if decided[one] > promoted.seq]}
            )
    return champions


def _next(held: list[dict[str, Any]], counts: dict[str, Any], stages: list[str]) -> str:
    if "forget" in stages:
        return "`winnow maintain` finishes what was begun to be forgotten"
    if held:
        first = held[0]["batch"]
        return (
            f'look at the report, then `winnow release {first} --note "..."` or `winnow discard {first} --note "..."`'
        )
    if stages:
        return "`winnow run` goes on with what was begun"
    if not counts["samples"]:
        return "`winnow run SOURCE` takes pictures in"
    if counts["selected"] > counts["labelled"]:
        return f"{counts['selected'] - counts['labelled']} selected samples wait for a label, in handoff/ of the root"
    return "`winnow run` takes in what is new"


def _rows(connection: Any, sql: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = connection.sql(sql).to_arrow_table().to_pylist()
    return rows


def _age(moment: datetime | None) -> int | None:
    """Seconds since then."""
    return max(0, int((datetime.now(UTC) - moment).total_seconds())) if moment else None


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
