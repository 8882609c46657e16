"""What readers see: the committed rows, as SQL views in DuckDB. Nothing else can be reached from a query."""

import itertools
import json
import os
import uuid
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pyarrow as pa

from tasks.store import staging, tables
from tasks.store.definitions import VIEWS, definition, views_named
from tasks.store.errors import UsageError
from tasks.store.kept import discarded_after_ingest
from tasks.store.log import STAGES, Log, read_log
from tasks.store.plans import plan_uri
from tasks.store.root import Root
from tasks.store.schema import TABLES
from tasks.store.schema_vectors import embeddings

TABLE_FUNCTIONS = ("unnest", "range", "generate_series")


class Connection:
    """A connection to DuckDB that shows the views of one instant, and nothing else; each is made once it is named."""

    def __init__(self, sources: Mapping[str, Any], hidden: Mapping[str, str]) -> None:
        """Connect to nothing but the sources.

        Args:
            sources: Arrow tables or Lance datasets, by the name under which a query cannot guess them.
            hidden: what a definition reads in place of a name in braces.
        """
        self.connection, self.sources, self.hidden = _database(os.getpid()).cursor(), dict(sources), hidden
        self.made: set[str] = set()

    def sql(self, sql: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> Any:
        """A relation of DuckDB."""
        self._make(sql)
        return self.connection.sql(sql, params=params)

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None) -> Any:
        """What DuckDB's own `execute` gives."""
        self._make(sql)
        return self.connection.execute(sql, parameters)

    def register(self, name: str, rows: pa.Table) -> None:
        """Show more rows."""
        self.connection.register(name, rows)

    def unregister(self, name: str) -> None:
        """Show these rows no more."""
        self.connection.unregister(name)

    def _make(self, sql: str) -> None:
        for view in views_named(sql):
            if view not in self.made:
                self.made.add(view)
                reads = definition(view).format(**self.hidden)
                for name in [name for name in self.sources if name in reads]:
                    self.connection.register(name, self.sources.pop(name))
                self.connection.execute(f"CREATE TEMP VIEW {view} AS {reads}")


def connect(root: Root, *, staged: Mapping[str, pa.Table] | None = None, **extra: pa.Table) -> Connection:
    """A connection with every view of `VIEWS` over the newest committed rows, and no other access.

    The log is read before any table: what it calls committed is in the tables that are opened after it. `staged` rows
    count as if they were in the table of that name already. `extra` tables are there to be joined with, under their
    names.
    """
    found = _sources(root, read_log(root))
    hidden = {name: f"{name}_{uuid.uuid4().hex}" for name in found}
    sources = {hidden[name]: source for name, source in found.items()}
    for name, rows in (staged or {}).items():
        sources[f"staged_{hidden[name]}"] = tables.drop_repeated(rows, TABLES[name].key)
        hidden[name] = _with_staged(hidden[name], TABLES[name].key)
    hidden["embeddings"] = " UNION ALL ".join(
        ["SELECT '' AS sample_id, '' AS model, '' AS batch_id WHERE false"]
        + [f"SELECT * FROM {place}" for name, place in hidden.items() if name.startswith("embeddings_")]
    )
    connection = Connection(sources, hidden)
    for name, rows in extra.items():
        connection.register(name, rows)
    return connection


@cache
def _database(_process: int) -> Any:
    """An empty database, which takes longer to begin than most queries; what a connection to it sees is its own.

    A forked process needs another: threads do not come along.
    """
    import duckdb

    settings = {"python_enable_replacements": "false", "enable_external_access": "false", "lock_configuration": "true"}
    return duckdb.connect(":memory:", config=settings)


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
