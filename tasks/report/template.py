"""The page as HTML: its templates, styles and scripts, which all lie in `web/`, put together."""

import base64
import hashlib
from importlib import resources
from typing import Any

from tasks.report import gallery
from tasks.report.days import MEASURES, Sensor
from tasks.report.figures import Histogram
from tasks.report.sparks import Spark, scale, spark
from tasks.report.videos import told

SCRIPTS = ("data", "thumbs", "colours", "chosen", "map", "tools", "card", "days", "videos", "start")
STYLES = ("page", "map", "days", "selections", "labels", "learn")


def rendered(**values: Any) -> str:
    """The page. Texts among the values are escaped; `facts` is JSON that was made safe, blocks are base64."""
    import jinja2

    scales = {one.name: scale(values["days"].sensors, one) for one in MEASURES}

    def spark_of(sensor: Sensor, measure: Any) -> Spark:
        return spark(sensor, measure, *scales[measure.name])

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tasks.report", "web"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {
        "name": gallery.file_name,
        "bars": _bars,
        "percent": _percent,
        "number": lambda n: f"{n:,}",
        "spark": spark_of,
        "told": told,
        "share": lambda value: "\u2013" if value is None else f"{value:.1%}",
        "points": lambda value: "\u2013" if value is None else f"{100 * value:+.1f}".replace("-", "\u2212"),
        "words": lambda name: name.replace("_", " "),
    }
    script = _together(SCRIPTS, "js")
    return environment.get_template("page.html.j2").render(
        script=script,
        style=_together(STYLES, "css"),
        policy=_policy(script, values["beside"]),
        **values,
    )


def _together(names: tuple[str, ...], ending: str) -> str:
    folder = resources.files("tasks.report") / "web"
    return "\n".join((folder / f"{name}.{ending}").read_text("utf-8") for name in names)


def _policy(script: str, beside: bool) -> str:
    """What the page may do: run this one script, show pictures that are inside it or beside it, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    pictures = "data: 'self' file:" if beside else "data:"
    return (
        f"default-src 'none'; img-src {pictures}; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )


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
