"""The report: one self-contained HTML page, without scripts and without a network."""

from datetime import UTC, datetime
from typing import Any

from tasks.report import gallery
from tasks.report.figures import Histogram, figures
from tasks.report.outliers import find_outliers
from tasks.store import choices
from tasks.store.errors import Unreachable
from tasks.store.root import Root, open_root
from tasks.store.storage import shown
from tasks.unit import unit

SELECTED_SHOWN = 96
GROUPS_SHOWN = 24
REPEATS_SHOWN = 7
OUTLIERS_SHOWN = 24
REJECTS_SHOWN = 200


@unit("report")
def write_report(root: str) -> str:
    """Write `<root>/reports/report.html` anew; its path."""
    import jinja2

    opened = open_root(root)
    outliers = find_outliers(opened, OUTLIERS_SHOWN)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tasks.report", "."), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {
        "name": gallery.file_name,
        "bars": _bars,
        "percent": _percent,
        "number": lambda n: f"{n:,}",
    }
    page = environment.get_template("page.html.j2").render(
        root=shown(opened.uri),
        made_at=datetime.now(UTC),
        model=(choices.recall(opened, "embed.model") or {}).get("name"),
        figures=figures(opened, REJECTS_SHOWN),
        selected=gallery.selected(opened, SELECTED_SHOWN),
        groups=gallery.duplicate_groups(opened, GROUPS_SHOWN, REPEATS_SHOWN),
        outliers=gallery.named(opened, {one.sample_id: f"{one.distance:.3f} from its neighbours" for one in outliers}),
    )
    opened.storage.write(_place(opened), page.encode("utf-8", "replace"))
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


def _place(root: Root) -> str:
    return root.at("reports", "report.html")


def _bars(histogram: Histogram) -> list[dict[str, Any]]:
    """Bars of a histogram in a box of 100 x 40: all samples, and the selected ones before them."""
    highest = max(*histogram.all, 1)
    width = 100 / len(histogram.all)
    return [
        {
            "x": place * width,
            "width": width * 0.9,
            "all": 40 * every / highest,
            "selected": 40 * chosen / highest,
        }
        for place, (every, chosen) in enumerate(zip(histogram.all, histogram.selected, strict=True))
    ]


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "0"
