"""Tables and charts as files: CSV with formulas disarmed, Parquet as it is, PNG and SVG as drawn."""

from __future__ import annotations

import csv
import io
import math
import os
import re
import shutil
from functools import cache

import pandas as pd
import plotly.graph_objects as go

from tailguard.errors import TailguardError
from tailguard.plays.provenance.exchange import disarmed

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "microsoft-edge")
IMAGES = {"png": "image/png", "svg": "image/svg+xml"}
_WIDTH = 1100
_TITLE = 56


def as_csv(frame: pd.DataFrame) -> bytes:
    """UTF-8 with a byte order mark; a spreadsheet computes no cell of it."""
    sink = io.StringIO()
    writer = csv.writer(sink)
    writer.writerow([disarmed(str(name)) for name in frame.columns])
    for row in frame.itertuples(index=False):
        writer.writerow([_cell(value) for value in row])
    return sink.getvalue().encode("utf-8-sig")


def _cell(value: object) -> object:
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value if isinstance(value, bool | int | float) else disarmed(str(value))


def as_parquet(frame: pd.DataFrame) -> bytes:
    """The table with its types; columns of mixed kinds become text."""
    mixed = [name for name in frame.columns if frame[name].dtype == object and frame[name].map(type).nunique() > 1]
    sink = io.BytesIO()
    frame.assign(**{str(name): frame[name].astype(str) for name in mixed}).to_parquet(sink, index=False)
    return sink.getvalue()


NO_BROWSER = (
    "Drawing a chart as a file needs a Chrome or Chromium on the dashboard's machine. Install one there, or name it in "
    "BROWSER_PATH; the rows behind the chart can be taken as CSV without."
)


@cache
def browser() -> str | None:
    """The Chrome or Chromium of this machine, which draws charts as files."""
    return os.environ.get("BROWSER_PATH") or next((path for name in BROWSERS if (path := shutil.which(name))), None)


def untitled(figure: go.Figure) -> go.Figure:
    """The chart for a page that shows its title above it; the title goes along in `layout.meta`."""
    top = 30 if figure.layout.annotations else 16
    height = figure.layout.height - figure.layout.margin.t + top
    return figure.update_layout(meta=figure.layout.title.text, title=None, margin_t=top, height=height)


def _titled(figure: go.Figure) -> go.Figure:
    if not figure.layout.meta:
        return go.Figure(figure)
    title = {
        "text": figure.layout.meta,
        "font": {"size": 16},
        "x": 0,
        "xanchor": "left",
        "yref": "container",
        "y": 0.97,
    }
    height = figure.layout.height - figure.layout.margin.t + _TITLE
    return go.Figure(figure).update_layout(title=title, margin_t=_TITLE, height=height)


def as_image(figure: go.Figure, form: str) -> bytes:
    """A chart with its title, drawn by the browser of this machine. Raises TailguardError where there is none."""
    path = browser()
    if path is None:
        raise TailguardError(NO_BROWSER)
    os.environ["BROWSER_PATH"] = path
    import kaleido  # type: ignore[import-untyped]

    plain = _titled(figure).update_layout(template="plotly_white", font={"family": "DejaVu Sans, sans-serif"})
    height = int(plain.layout.height or 400)
    drawn: bytes = kaleido.calc_fig_sync(
        plain, opts={"format": form, "width": _WIDTH, "height": height, "scale": 2 if form == "png" else 1}
    )
    return drawn


def file_name(key: str, suffix: str) -> str:
    """A name for a file that is taken away."""
    return f"tailguard-{re.sub('[^a-z0-9]+', '-', key.lower()).strip('-')}.{suffix}"
