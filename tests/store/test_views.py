"""Views: what readers see, and nothing else."""

from pathlib import Path

import pyarrow as pa
import pytest

from tasks.store import views
from tasks.store.commit import Resolved, commit, write
from tasks.store.errors import UsageError
from tasks.store.log import Event, record
from tasks.store.root import Root
from tasks.store.schema import ANNOTATIONS, DUPLICATES, OBJECTS
from tests.store.test_commit import plan, resolving


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM query('SELECT 1')",
        "SELECT * FROM query_table('samples')",
        "SELECT * FROM duckdb_views()",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM main.samples",
        "SHOW TABLES",
        "COPY (SELECT 1) TO '/tmp/winnow-should-not-be'",
        "ATTACH '/tmp/winnow-should-not-be.db'",
        "INSTALL httpfs",
        "CREATE TABLE x AS SELECT 1",
        "DROP VIEW samples",
        "DELETE FROM samples",
        "SET memory_limit = '1GB'",
        "SELECT 1; SELECT 2",
        "SELECT (SELECT max(x) FROM nothing)",
        "SELECT * FROM samples WHERE EXISTS (FROM read_blob('/etc/passwd'))",
        "WITH t AS (SELECT * FROM '/etc/passwd') SELECT * FROM t",
        "SELECT view_name FROM duckdb_views, (WITH duckdb_views AS (SELECT 1) SELECT * FROM duckdb_views) t",
        "WITH Sqlite_Master AS (SELECT * FROM sqlite_master) SELECT * FROM sqlite_master",
        "WITH pg_tables AS (SELECT 1) SELECT * FROM pg_tables",
        "selec 1",
        "",
    ],
)
def test_query__reaches_nothing_but_the_views(root: Root, sql: str) -> None:
    with pytest.raises(UsageError):
        views.query(root, sql)
    assert not Path("/tmp/winnow-should-not-be").exists()


@pytest.mark.parametrize("name", views.VIEWS)
def test_query__every_view_is_there_in_an_empty_root(root: Root, name: str) -> None:
    assert views.query(root, f"SELECT * FROM {name}").num_rows == 0


def test_query__names_in_any_case(root: Root) -> None:
    sql = "WITH Two AS (FROM OBJECTS), tables AS (FROM two) SELECT count(*) AS n FROM TWO JOIN TABLES USING (uri)"
    assert views.query(root, sql).to_pylist() == [{"n": 0}]


def test_query__columns_of_one_name_are_told_apart(root: Root) -> None:
    sql = "SELECT 1 AS a, 2 AS a, 3 AS a_1, 4 AS b, 5 AS a"
    assert views.query(root, sql).to_pylist() == [{"a": 1, "a_2": 2, "a_1": 3, "b": 4, "a_3": 5}]


def test_described__every_column_of_every_view(root: Root) -> None:
    told = views.described().to_pylist()
    for name in views.VIEWS:
        assert [row["column"] for row in told if row["view"] == name] == views.query(root, f"FROM {name}").column_names
    assert all(row["meaning"] for row in told)
    assert not any("tasks/ingest/reasons.py" in row["meaning"] for row in told)


def test_query__python_variables_are_no_tables(root: Root) -> None:
    secret = pa.table({"a": [1]})
    with pytest.raises(UsageError):
        views.query(root, "SELECT * FROM secret")
    assert len(secret) == 1


def test_query__joins_ctes_and_self_joins_work(root: Root) -> None:
    plan(root, "b")
    commit(root, "b", "ingest", resolving("b", ["x", "y"]))
    sql = (
        "WITH two AS (FROM samples) SELECT a.sample_id FROM two a JOIN two b USING (sample_id) "
        "JOIN objects USING (sample_id)"
    )
    assert sorted(views.query(root, sql)["sample_id"].to_pylist()) == ["x", "y"]


def test_objects__the_highest_pass_is_shown(root: Root) -> None:
    for batch, number, outcome in (("a", 0, "deferred"), ("b", 1, "sample")):
        plan(root, batch)
        row = {"object_id": batch, "uri": "u", "version": "1", "pass": number, "batch_id": batch, "outcome": outcome}
        rows = pa.Table.from_pylist([row], schema=OBJECTS.schema)
        commit(root, batch, "ingest", lambda _log, rows=rows: Resolved([(OBJECTS, rows)], {}))
    assert views.query(root, "SELECT outcome FROM objects").to_pylist() == [{"outcome": "sample"}]


def test_samples__of_a_discarded_batch_are_hidden_and_their_objects_rejects(root: Root) -> None:
    plan(root, "b")
    commit(root, "b", "ingest", resolving("b", ["x"]))
    record(root, lambda _log: Event("b", "held", "dedupe"))
    record(root, lambda _log: Event("b", "discarded", "dedupe", note="covered lens"))
    assert views.query(root, "SELECT * FROM samples").num_rows == 0
    assert views.query(root, "SELECT outcome, reason FROM objects").to_pylist() == [
        {"outcome": "reject", "reason": "discarded"}
    ]


def test_duplicates__of_a_hidden_sample_are_kept_again(root: Root) -> None:
    for batch, sample in (("a", "x"), ("b", "y")):
        plan(root, batch)
        commit(root, batch, "ingest", resolving(batch, [sample]))
    commit(root, "a", "dedupe", lambda _log: Resolved([], {}))
    row = {"sample_id": "y", "kept_id": "x", "group_id": "x", "kind": "perceptual", "distance": 1.0, "batch_id": "b"}
    rows = pa.Table.from_pylist([row], schema=DUPLICATES.schema)
    commit(root, "b", "dedupe", lambda _log: Resolved([(DUPLICATES, rows)], {}))
    assert views.query(root, "SELECT sample_id FROM kept").to_pylist() == [{"sample_id": "x"}]
    record(root, lambda _log: Event("a", "discarded", "embed"))
    assert views.query(root, "SELECT sample_id FROM kept").to_pylist() == [{"sample_id": "y"}]


def test_labels__reviewed_before_consensus_before_human_before_import_and_never_a_model(root: Root) -> None:
    def label(name: str, origin: str, status: str, day: int, sample: str = "x") -> dict[str, object]:
        return {"annotation_id": name, "sample_id": sample, "origin": origin, "status": status, "ontology": "o",
                "created_at": day * 86_400_000_000, "value": name}  # fmt: skip

    rows = [
        label("import", "import", "submitted", 9),
        label("old", "human", "submitted", 1),
        label("new", "human", "submitted", 2),
        label("agreed", "human", "consensus", 1),
        label("model", "model", "submitted", 9),
        label("only-model", "model", "submitted", 9, sample="y"),
    ]
    write(root, "annotations", pa.Table.from_pylist(rows, schema=ANNOTATIONS.schema))
    assert views.query(root, "SELECT value FROM labels").to_pylist() == [{"value": "agreed"}]
    write(root, "annotations", pa.Table.from_pylist([label("seen", "human", "reviewed", 0)], schema=ANNOTATIONS.schema))
    assert views.query(root, "SELECT value FROM labels").to_pylist() == [{"value": "seen"}]


def test_staged_rows_count_as_if_they_were_in_their_table_and_once(root: Root) -> None:
    def labels(*ids: str) -> pa.Table:
        rows = [{"annotation_id": one, "sample_id": one, "origin": "human", "ontology": "o"} for one in ids]
        named = [{**row, "status": "submitted", "value": "{}", "replaces": None} for row in rows]
        return pa.Table.from_pylist(named, schema=ANNOTATIONS.schema)

    def seen(**staged: pa.Table) -> list[str]:
        found = views.connect(root, staged=staged).sql("SELECT sample_id FROM labels ORDER BY sample_id").fetchall()
        return [row[0] for row in found]

    assert seen(annotations=labels("a")) == ["a"]
    write(root, "annotations", labels("a", "b"))
    assert seen(annotations=labels("b", "c", "c")) == ["a", "b", "c"]
    assert seen() == ["a", "b"]
