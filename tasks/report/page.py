"""The report: one HTML page that asks no network; the pictures of a large dataset lie in a folder beside it."""

from datetime import UTC, datetime
from typing import Any

from tasks.report import gallery, projection
from tasks.report.days import MEASURES, read_days
from tasks.report.facts import facts_of
from tasks.report.figures import figures
from tasks.report.labels import read_labels
from tasks.report.learn import read_learning
from tasks.report.outliers import find_outliers
from tasks.report.packing import packed_columns, packed_lines
from tasks.report.points import cells_of, points_of, read_samples, still_there
from tasks.report.selections import read_selections
from tasks.report.sheets import Sheets, draw_sheets, forget_older_sheets, sheet_uri
from tasks.report.template import rendered
from tasks.report.videos import read_videos
from tasks.store import choices, tables, views
from tasks.store.errors import Unreachable
from tasks.store.log import read_log
from tasks.store.root import Root, open_root
from tasks.store.storage import shown
from tasks.unit import unit

SELECTED_SHOWN = 96
GROUPS_SHOWN = 24
REPEATS_SHOWN = 7
OUTLIERS_SHOWN = 24
REJECTS_SHOWN = 200

INSIDE_BYTES = 8_000_000
"""Contact sheets up to this size are put into the page, which then is one file that can be sent to somebody."""


@unit("report")
def write_report(root: str, redraw_map: bool = False, cost_per_hour: float = 0) -> str:
    """Write `<root>/reports/report.html` anew; its path.

    Args:
        root: URI of the root.
        redraw_map: lay the map out anew; without that a point stays where it was once drawn.
        cost_per_hour: of an annotator; 0 tells no cost.
    """
    opened = open_root(root)
    connection = views.connect(opened)
    sheets, values = _samples(opened, connection, redraw_map)
    page = rendered(
        root=shown(opened.uri),
        made_at=datetime.now(UTC),
        figures=figures(opened, connection, REJECTS_SHOWN),
        selections=read_selections(read_log(opened)),
        selected=gallery.selected(opened, connection, SELECTED_SHOWN),
        cost_per_hour=cost_per_hour,
        labels=read_labels(opened, connection, choices.recall(opened, choices.EMBEDDING)),
        learning=read_learning(opened, connection),
        groups=gallery.duplicate_groups(opened, connection, GROUPS_SHOWN, REPEATS_SHOWN),
        **values,
    )
    opened.storage.write(_place(opened), page.encode("utf-8", "replace"))
    forget_older_sheets(opened, sheets)
    return report_path(opened)


def report_path(root: Root) -> str:
    """Where the report is, as people open it."""
    return shown(_place(root))


def has_report(root: Root) -> bool:
    """Whether it was ever written."""
    try:
        root.storage.stat(_place(root))
    except Unreachable:
        return False
    return True


def _samples(root: Root, connection: Any, redraw_map: bool) -> tuple[Sheets, dict[str, Any]]:
    """What the page says of every sample, for its template and for its scripts."""
    model = choices.recall(root, choices.EMBEDDING)
    rows, left_out = read_samples(connection, model["name"] if model else None)
    embedded = rows.filter(rows["embedded"])
    drawn = projection.draw_map(root, model, embedded["sample_id"].to_pylist(), anew=redraw_map)
    kept = projection.by_chance(embedded.filter(embedded["kept"])["sample_id"].to_pylist())
    vectors = tables.open_table(root, model["table"]) if model else None
    outliers = find_outliers(vectors, kept, drawn, OUTLIERS_SHOWN)
    points = points_of(rows, drawn, [one.sample_id for one in outliers])
    sheets = draw_sheets(root, points.ids, lambda samples: still_there(connection, samples))
    points.columns["cell"] = cells_of(sheets, points.ids)
    days = read_days(connection)
    videos, all_videos = read_videos(connection)
    columns, places = packed_columns(points.columns)
    beside = sheets.byte_size > INSIDE_BYTES
    pictures = [f"thumbnails/{name}" if beside else _inside(root, name) for name in sheets.names]
    return sheets, {
        "model": model["name"] if model else None,
        "drawn": drawn,
        "fewest": projection.FEWEST,
        "left_out": left_out,
        "scales": points.scales,
        "days": days,
        "measures": MEASURES,
        "videos": videos,
        "all_videos": all_videos,
        "outliers": gallery.named(
            root, connection, {one.sample_id: f"{one.distance:.3f} from its neighbours" for one in outliers}
        ),
        "beside": beside,
        "facts": facts_of(root, points, places, pictures, days, videos),
        "columns": columns,
        "ids": packed_lines(points.ids),
        "uris": packed_lines(points.uris),
    }


def _inside(root: Root, name: str) -> str:
    return gallery.data_uri(root.storage.read(sheet_uri(root, name)))


def _place(root: Root) -> str:
    return root.at("reports", "report.html")
