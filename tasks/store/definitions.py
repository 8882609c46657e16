"""What each view shows, as SQL over the tables: committed rows, and of rows that say the same the one that counts.

In braces stand tables as they lie in the root, and what is known of the batches: `visible`, `planned`, `given_up`.
"""

import re
from functools import cache

from tasks.store.schema import TABLES

VIEWS = (*TABLES, "embeddings", "kept", "standing", "labels")
"""Names that a query may use: the tables, and the views `embeddings`, `kept`, `standing` and `labels`."""

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


def definition(view: str) -> str:
    """The SELECT behind a view, with tables in braces."""
    return _DEFINITIONS.get(view, f"SELECT * FROM {{{view}}}")


def views_named(sql: str) -> list[str]:
    """The views whose names stand in a query, each after those that it reads; some twice."""
    words = {word.lower() for word in re.findall(r"(?<!\{)\b\w+", sql)}
    return [one for view in VIEWS if view in words for one in (*_read_by(view), view)]


@cache
def _read_by(view: str) -> list[str]:
    return views_named(re.sub(rf"\b{view}\b", "", definition(view)))
