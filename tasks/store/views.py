"""What readers see: the committed rows, as SQL views in DuckDB. Nothing else can be reached from a query."""

import itertools
import json
import uuid
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from tasks.store import staging, tables
from tasks.store.errors import UsageError
from tasks.store.kept import discarded_after_ingest
from tasks.store.log import STAGES, Log, read_log
from tasks.store.plans import plan_uri
from tasks.store.root import Root
from tasks.store.schema import TABLES, embeddings

VIEWS = (*TABLES, "embeddings", "kept", "standing", "labels")
"""Names that a query may use: the tables, and the views `embeddings`, `kept`, `standing` and `labels`."""

TABLE_FUNCTIONS = ("unnest", "range", "generate_series")

_NEXT_PASS = "SELECT uri, version, pass FROM every_object WHERE pass > 0"

_WITH_METADATA = """
    coalesce(m.sensor_id, {row}.sensor_id) AS sensor_id, coalesce(m.sequence_id, {row}.sequence_id) AS sequence_id,
    CASE WHEN m.metadata IS NULL THEN {row}.metadata
         ELSE json_merge_patch({row}.metadata, m.metadata) END AS metadata"""
"""What a row was committed with, and over it what path, sidecar and joined files say of its file by now."""

_DEFINITIONS = {
    "metadata": """
        WITH newest AS (SELECT uri, max(revision) AS revision FROM {metadata} WHERE revision > 0 GROUP BY uri)
        SELECT s.* FROM {metadata} s LEFT JOIN newest n ON s.uri = n.uri
        WHERE n.revision IS NULL OR s.revision = n.revision""",
    "objects": f"""
        WITH every_object AS (
            SELECT * FROM {{objects}} WHERE batch_id IN (SELECT batch_id FROM {{visible}} WHERE stage = 'objects')
            UNION ALL BY NAME SELECT * FROM {{planned}}),
        newest AS (SELECT uri, version, max(pass) AS pass FROM ({_NEXT_PASS}) GROUP BY uri, version)
        SELECT o.* REPLACE (
            CASE WHEN g.id IS NOT NULL THEN 'reject' ELSE o.outcome END AS outcome,
            CASE WHEN g.id IS NOT NULL THEN 'discarded' ELSE o.reason END AS reason,
            {_WITH_METADATA.format(row="o")})
        FROM every_object o
        LEFT JOIN newest n ON o.uri = n.uri AND o.version = n.version
        LEFT JOIN metadata m ON o.uri = m.uri
        LEFT JOIN {{given_up}} g
        ON g.id = coalesce(o.sample_id, o.content_id) AND o.outcome IN ('sample', 'copy', 'video')
        WHERE n.pass IS NULL OR o.pass = n.pass""",
    "samples": f"""
        SELECT s.* REPLACE (
            {_WITH_METADATA.format(row="s")},
            coalesce(m.captured_at + to_milliseconds(coalesce(1000 * s.frame_time_s, 0)::BIGINT), s.captured_at,
                     m.captured_on) AS captured_at,
            coalesce(m.lat, s.lat) AS lat, coalesce(m.lon, s.lon) AS lon)
        FROM {{samples}} s LEFT JOIN metadata m ON s.source_uri = m.uri
        WHERE s.batch_id IN (SELECT batch_id FROM {{visible}} WHERE stage = 'ingest')""",
    "videos": f"""
        SELECT v.* REPLACE (
            {_WITH_METADATA.format(row="v")},
            coalesce(m.captured_at, v.captured_at, m.captured_on) AS captured_at)
        FROM {{videos}} v LEFT JOIN metadata m ON v.uri = m.uri
        WHERE v.batch_id IN (SELECT batch_id FROM {{visible}} WHERE stage = 'ingest')""",
    "findings": """
        SELECT f.* REPLACE (CASE WHEN EXISTS (
            SELECT 1 FROM {metadata} m WHERE m.uri = f.suggestion->>'$.uri' AND m.created_at > f.created_at
            AND list_contains(string_split(m.origin, ', '), f.suggestion->>'$.origin')
        ) THEN 'settled' WHEN a.annotation_id IS NULL THEN f.status
        ELSE (SELECT CASE WHEN r.status = 'reviewed' AND r.value = a.value THEN 'dismissed'
                          WHEN r.status = 'reviewed' THEN 'accepted' ELSE 'settled' END
              FROM {annotations} r WHERE r.replaces = a.annotation_id ORDER BY r.created_at DESC LIMIT 1)
        END AS status)
        FROM {findings} f LEFT JOIN {annotations} a ON f.annotation_id = a.annotation_id
        AND a.annotation_id IN (SELECT replaces FROM {annotations})""",
    "duplicates": """
        WITH standing AS (
            SELECT * FROM {duplicates}
            WHERE (batch_id, CASE kind WHEN 'semantic' THEN 'compare' ELSE 'dedupe' END) IN (
                SELECT (batch_id, stage) FROM {visible})
            AND kept_id IN (SELECT sample_id FROM samples))
        SELECT d.* REPLACE (
            coalesce(s.kept_id, d.kept_id) AS kept_id,
            coalesce(s.group_id, d.group_id) AS group_id)
        FROM standing d LEFT JOIN standing s ON d.kept_id = s.sample_id""",
    "kept": """
        SELECT * FROM samples
        WHERE batch_id IN (SELECT batch_id FROM {visible} WHERE stage = 'dedupe')
        AND sample_id NOT IN (SELECT sample_id FROM duplicates)""",
    "embeddings": """
        SELECT sample_id, model FROM ({embeddings})
        WHERE batch_id IN (SELECT batch_id FROM {visible} WHERE stage = 'embed')""",
    "selections": """
        SELECT * FROM {selections}
        WHERE selection IN (SELECT batch_id FROM {visible} WHERE stage = 'select')
        AND sample_id IN (SELECT sample_id FROM samples)""",
    "snapshots": """
        SELECT * FROM {snapshots} WHERE name IN (SELECT batch_id FROM {visible} WHERE stage = 'snapshot')""",
    "standing": """
        SELECT * FROM {annotations} WHERE coalesce(status, '') NOT IN ('deleted', 'discarded')
        AND annotation_id NOT IN (SELECT replaces FROM {annotations} WHERE replaces IS NOT NULL)""",
    "labels": """
        SELECT * EXCLUDE (place) FROM (
            SELECT *, row_number() OVER (
                PARTITION BY sample_id, ontology
                ORDER BY CASE WHEN status = 'reviewed' THEN 0 WHEN status = 'consensus' THEN 1
                              WHEN origin = 'import' THEN 3 ELSE 2 END, created_at DESC, annotation_id) AS place
            FROM standing WHERE origin <> 'model' AND coalesce(status, '') NOT IN ('outdated', 'blind'))
        WHERE place = 1""",
}


def connect(root: Root, *, staged: Mapping[str, pa.Table] | None = None, **extra: pa.Table) -> Any:
    """A DuckDB connection with every view of `VIEWS` over the newest committed rows, and no other access.

    The log is read before any table: what it calls committed is in the tables that are opened after it. `staged` rows
    count as if they were in the table of that name already. `extra` tables are there to be joined with, under their
    names.
    """
    import duckdb

    connection = duckdb.connect(":memory:", config={"python_enable_replacements": "false"})
    sources = _sources(root, read_log(root))
    hidden = {name: f"{name}_{uuid.uuid4().hex}" for name in sources}
    for name, source in sources.items():
        connection.register(hidden[name], source)
    for name, rows in (staged or {}).items():
        connection.register(f"staged_{hidden[name]}", tables.drop_repeated(rows, TABLES[name].key))
        hidden[name] = _with_staged(hidden[name], TABLES[name].key)
    hidden["embeddings"] = " UNION ALL ".join(
        ["SELECT '' AS sample_id, '' AS model, '' AS batch_id WHERE false"]
        + [f"SELECT * FROM {place}" for name, place in hidden.items() if name.startswith("embeddings_")]
    )
    for name in dict.fromkeys((*_DEFINITIONS, *TABLES)):
        select = _DEFINITIONS.get(name, f"SELECT * FROM {{{name}}}").format(**hidden)
        connection.execute(f"CREATE VIEW {name} AS {select}")
    for name, rows in extra.items():
        connection.register(name, rows)
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def query(root: Root, sql: str) -> pa.Table:
    """The rows that a SELECT over the views gives; of columns of one name the later ones get a number.

    Raises:
        UsageError: it is no single SELECT, it reaches for something that is no view, or it is wrong.
    """
    import duckdb

    connection = connect(root)
    _refuse_other_than_views(connection, sql)
    try:
        rows: pa.Table = connection.sql(sql).to_arrow_table()
    except duckdb.Error as error:
        raise UsageError(f"The query cannot be run: {error}") from error
    return rows.rename_columns(_told_apart(rows.column_names))


def described() -> pa.Table:
    """Every column that a query may name, and what it means."""
    columns = {name: table.columns for name, table in TABLES.items()}
    embedded = [column for column in embeddings("", 1).columns if column.name in ("sample_id", "model")]
    columns |= {"embeddings": tuple(embedded), "kept": columns["samples"]}
    columns |= {"standing": columns["annotations"], "labels": columns["annotations"]}
    rows = [
        {"view": view, "column": column.name, "type": str(column.type), "meaning": column.doc}
        for view in VIEWS
        for column in columns[view]
    ]
    return pa.Table.from_pylist(rows)


def _with_staged(place: str, key: str) -> str:
    """What a view reads in place of a table: its rows, and those staged rows that it does not have."""
    return f"(FROM {place} UNION ALL BY NAME FROM staged_{place} WHERE {key} NOT IN (SELECT {key} FROM {place}))"


def _sources(root: Root, log: Log) -> dict[str, Any]:
    """Arrow tables or Lance datasets by name; a table that was never written is empty."""
    vectors = [name for name in root.table_names() if name.startswith("embeddings_")]
    names = [*TABLES, *vectors]
    opened = dict(zip(names, tables.open_tables(root, names), strict=True))
    sources = {
        name: table.schema.empty_table() if opened[name] is None else opened[name] for name, table in TABLES.items()
    }
    for name in vectors:
        if opened[name] is not None:
            # Without the vectors: DuckDB cannot scan float16.
            sources[name] = opened[name].scanner(columns=["sample_id", "model", "batch_id"])
    return {**sources, "visible": _visible(log), "planned": _planned(root, log), "given_up": _given_up(root, log)}


def _given_up(root: Root, log: Log) -> pa.Table:
    """Stills and videos that were discarded after ingest: what has their bytes, in other batches too, is a reject."""
    batches = pa.array(discarded_after_ingest(log), pa.string())
    ids = [
        tables.rows_of_batches(root, TABLES[name], batches, [TABLES[name].key])[TABLES[name].key]
        for name in ("samples", "videos")
    ]
    return pa.table({"id": pa.chunked_array([chunk for found in ids for chunk in found.chunks], pa.string())})


def _visible(log: Log) -> pa.Table:
    """Which rows count: (batch_id, stage) of what is committed and not discarded.

    Stage `objects` are the batches whose objects are known, the discarded ones too, as rejects.
    """
    pairs = [(batch_id, stage) for stage in (*STAGES, "select", "snapshot") for batch_id in log.visible(stage)]
    pairs += [(batch.batch_id, "objects") for batch in log.batches.values() if "ingest" in batch.committed]
    return pa.table({"batch_id": [pair[0] for pair in pairs], "stage": [pair[1] for pair in pairs]}, _VISIBLE)


_VISIBLE = pa.schema([("batch_id", pa.string()), ("stage", pa.string())])


def _planned(root: Root, log: Log) -> pa.Table:
    """Objects of batches that are not committed at ingest yet, with outcome `pending` or `held`."""
    schema = TABLES["objects"].schema
    parts = [schema.empty_table()]
    for batch in log.open_batches:
        plan = staging.read_rows(root, plan_uri(root, batch.batch_id)) if batch.next_stage == "ingest" else None
        if plan is not None:
            outcome = "held" if batch.held else "pending"
            parts.append(_as_objects(plan, batch.batch_id, outcome, schema))
    return pa.concat_tables(parts)


def _as_objects(plan: pa.Table, batch_id: str, outcome: str, schema: pa.Schema) -> pa.Table:
    columns = {
        field.name: plan[field.name] if field.name in plan.column_names else pa.nulls(len(plan), field.type)
        for field in schema
    }
    columns |= {"batch_id": pa.repeat(batch_id, len(plan)), "outcome": pa.repeat(outcome, len(plan))}
    return pa.table(columns).cast(schema)


def _refuse_other_than_views(connection: Any, sql: str) -> None:
    serialized = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()[0][0]
    tree = json.loads(serialized)
    if tree["error"]:
        hint = 'columns named like words of SQL need quotes, as "at", "by" and "pass"'
        raise UsageError(f"The query cannot be run: {tree['error_message']} ({hint}).")
    if len(tree["statements"]) != 1:
        raise UsageError("The query cannot be run: give one SELECT statement.")
    nodes = list(_walk(tree))
    named = {entry["key"].lower() for node in nodes if "cte_map" in node for entry in node["cte_map"]["map"]}
    for name in sorted(named & _system_views(connection)):
        raise UsageError(f"A query may not call a part of its own {name}: the database has a view of that name.")
    known = {*VIEWS, *named}
    for node in nodes:
        if node.get("type") == "BASE_TABLE" and (node["schema_name"] or node["table_name"].lower() not in known):
            raise UsageError(f"There is no table {node['table_name']}; there are: {', '.join(sorted(VIEWS))}.")
        if node.get("type") == "TABLE_FUNCTION" and node["function"]["function_name"] not in TABLE_FUNCTIONS:
            raise UsageError(f"A query may not call {node['function']['function_name']}().")
        if node.get("type") == "SHOW_REF" and node["table_name"]:
            raise UsageError(f"A query may not show {node['table_name']}; there are: {', '.join(sorted(VIEWS))}.")


def _system_views(connection: Any) -> set[str]:
    """Views of DuckDB's own that are found without a schema: a name that a query gives must not open them."""
    sql = "SELECT lower(view_name) FROM duckdb_views() WHERE internal AND schema_name <> 'information_schema'"
    return {row[0] for row in connection.execute(sql).fetchall()}


def _told_apart(names: list[str]) -> list[str]:
    """`a, a` as `a, a_1`: in JSON and CSV a column is known by its name."""
    told: list[str] = []
    for name in names:
        numbered = (f"{name}_{number}" for number in itertools.count(1))
        told.append(name if name not in told else next(one for one in numbered if one not in {*names, *told}))
    return told


def _walk(node: Any) -> Any:
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from _walk(child)
