"""Charts of the plays: where data flows, the state of each play over a year, how long responses took."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import log10

import plotly.graph_objects as go

from pages.shared.charts import GREY, finish
from pages.shared.words import on_chart
from tailguard.plays.audit import PlayState
from tailguard.plays.loops.diagram import FEEDBACK, Drawing
from tailguard.plays.loops.flows import Edge
from tailguard.plays.response.drills import Incident

CHECKPOINT = "#009E73"
_TAG = "#00694D"
STATE = {"running": "#009E73", "late": "#E69F00", "stopped": "#808080"}
NODE = {"model": "#D55E00", "dataset": "#0072B2", "system": "#808080", "job": "#808080", "person": "#CC79A7"}
_SYMBOL = {"model": "circle", "dataset": "square", "system": "diamond", "job": "diamond-open", "person": "star"}
_PLOTLY_DASH = {"": "solid", "7 4": "dash", "2 4": "dot"}
_CURVE = 14


def flow(drawn: Drawing, chosen: Sequence[Edge], title: str) -> go.Figure:
    """The flow from left to right: feedback edges in one colour, checkpoints as gates on their edge, the chosen loop thick."""
    figure = go.Figure()
    rows = [row for _, row in drawn.place.values()]
    tall = max(rows, default=0.0) - min(rows, default=0.0) + 1
    groups: dict[tuple[str, bool, bool], list[Edge]] = {}
    for edge in sorted(drawn.flows.edges):
        groups.setdefault((drawn.style(edge), edge in drawn.feedback, edge in chosen), []).append(edge)
    for (dash, back, thick), edges in groups.items():
        xs: list[float | None] = []
        ys: list[float | None] = []
        for edge in edges:
            for x, y in _curve(drawn, edge):
                xs.append(x)
                ys.append(y)
            xs.append(None)
            ys.append(None)
        known = {"": "declared", "7 4": "imported", "2 4": "observed only"}[dash]
        figure.add_scatter(
            x=xs, y=ys, mode="lines", hoverinfo="skip",
            name=f"{known}{', leads back' if back else ''}", legendgroup=f"{dash}{back}",
            line={"color": FEEDBACK if back else GREY, "width": 5 if thick else 2.5 if back else 1.3, "dash": _PLOTLY_DASH[dash]},
            showlegend=not any(trace.legendgroup == f"{dash}{back}" for trace in figure.data),
        )  # fmt: skip
    heads = [(_curve(drawn, edge)[-4], _curve(drawn, edge)[-2], edge) for edge in sorted(drawn.flows.edges)]
    for before, at, edge in heads if len(heads) <= 150 else ():
        figure.add_annotation(
            x=at[0], y=at[1], ax=before[0], ay=before[1], xref="x", yref="y", axref="x", ayref="y", showarrow=True, arrowhead=2,
            arrowsize=1.1, arrowwidth=1.6, arrowcolor=FEEDBACK if edge in drawn.feedback else GREY, text="", standoff=4,
        )  # fmt: skip
    for kind, colour in NODE.items():
        names = [name for name, node_kind in sorted(drawn.flows.nodes.items()) if node_kind == kind]
        if names:
            figure.add_scatter(
                x=[drawn.place[name][0] for name in names], y=[-drawn.place[name][1] for name in names], mode="markers+text",
                name=kind, text=[_short(name) for name in names], textposition="bottom center",
                textfont={"size": 12 if len(drawn.place) < 40 else 9},
                marker={"size": 17 if len(drawn.place) < 40 else 10, "symbol": _SYMBOL[kind], "color": colour},
                customdata=[on_chart(name) for name in names], hovertemplate="%{customdata}<extra>" + kind + "</extra>",
            )  # fmt: skip
    gates = [(edge, name) for edge, name in sorted(drawn.checkpoints.items()) if edge in drawn.flows.edges]
    if gates:
        middle = [_curve(drawn, edge)[_CURVE * 3 // 10] for edge, _ in gates]
        figure.add_scatter(
            x=[x for x, _ in middle], y=[y for _, y in middle], mode="markers", name="checkpoint",
            marker={"symbol": "line-ns-open", "size": 20, "color": CHECKPOINT, "line": {"width": 5}},
            customdata=[on_chart(f"{name} on {edge.text}") for edge, name in gates], hovertemplate="%{customdata}<extra></extra>",
        )  # fmt: skip
        for (x, y), (_, name) in zip(middle, gates, strict=True):
            figure.add_annotation(x=x, y=y, text=_short(name), yshift=21, showarrow=False, bgcolor=_TAG, borderpad=2,
                                  font={"color": "#ffffff", "size": 11})  # fmt: skip
    finish(figure, title, height=int(min(900, 240 + 62 * tall)), percent=False)
    columns = [column for column, _ in drawn.place.values()]
    figure.update_xaxes(visible=False, range=[min(columns, default=0) - 0.4, max(columns, default=0) + 0.4])
    figure.update_yaxes(visible=False, range=[-max(rows, default=0.0) - 0.7, -min(rows, default=0.0) + 1.1])
    return figure


def _curve(drawn: Drawing, edge: Edge) -> list[tuple[float, float]]:
    """An edge as points: an S from left to right, an arch above the nodes where it leads back."""
    (x1, r1), (x2, r2) = drawn.place[edge.source], drawn.place[edge.target]
    y1, y2 = -r1, -r2
    points = []
    for step in range(_CURVE + 1):
        t = step / _CURVE
        if x2 > x1:
            bend = t * t * (3 - 2 * t)
            points.append((x1 + (x2 - x1) * t, y1 + (y2 - y1) * bend))
        else:
            arch = 4 * t * (1 - t) * (0.75 if x1 != x2 else 0.5)
            points.append(
                (x1 + (x2 - x1) * t + (0.25 * 4 * t * (1 - t) if x1 == x2 else 0.0), y1 + (y2 - y1) * t + arch)
            )
    return points


def _short(name: str) -> str:
    return on_chart(name if len(name) <= 26 else "…" + name[-25:])


def plays(statuses: Sequence[PlayState], strips: dict[str, list[tuple[datetime, str]]], title: str) -> go.Figure:
    """A row per play: its state over the last twelve months as a coloured strip, evidence as white ticks in it."""
    figure = go.Figure()
    shown: set[str] = set()
    for status in reversed(statuses):
        for start, stop, state in _spans(strips[status.play.name]):
            figure.add_scatter(
                x=[start, stop], y=[status.play.title] * 2, mode="lines", name=state, legendgroup=state,
                showlegend=state not in shown,
                line={"color": STATE[state], "width": 20},
                hovertemplate=f"{status.play.title}: {state}, {start:%d %b %Y} to {stop:%d %b %Y}<extra></extra>",
            )  # fmt: skip
            shown.add(state)
        first = strips[status.play.name][0][0]
        times = [row.when for row in status.evidence if row.when >= first]
        figure.add_scatter(
            x=times, y=[status.play.title] * len(times), mode="markers", showlegend=False,
            marker={"symbol": "line-ns-open", "size": 15, "color": "#ffffff", "line": {"width": 1.5}},
            hovertemplate="evidence on %{x|%d %b %Y}<extra></extra>",
        )  # fmt: skip
        figure.add_annotation(
            x=strips[status.play.name][-1][0] + timedelta(days=7), y=status.play.title, text=status.state, showarrow=False,
            xanchor="left", xshift=6,
        )  # fmt: skip
    finish(figure, title, height=140 + 52 * max(1, len(statuses)), percent=False)
    figure.update_yaxes(showgrid=False)
    return figure


def _spans(strip: Sequence[tuple[datetime, str]]) -> list[tuple[datetime, datetime, str]]:
    """Weeks of one state taken together."""
    spans: list[tuple[datetime, datetime, str]] = []
    for when, state in strip:
        until = when + timedelta(days=7)
        if spans and spans[-1][2] == state:
            spans[-1] = (spans[-1][0], until, state)
        else:
            spans.append((when, until, state))
    return spans


def responses(incidents: Sequence[Incident], title: str) -> go.Figure:
    """How long it took to detect, to freeze and to roll back, response by response; an hour dashed."""
    figure = go.Figure()
    for step, colour in (("detect", "#0072B2"), ("freeze", "#D55E00"), ("rollback", "#009E73")):
        timed = [incident for incident in incidents if incident.seconds(step) is not None]
        figure.add_scatter(
            x=[incident.id for incident in timed], y=[max(0.1, incident.seconds(step) or 0.0) for incident in timed],
            mode="lines+markers", name=step,
            line={"color": colour, "width": 2.5},
            marker={"size": 9, "symbol": ["circle" if incident.kind == "drill" else "diamond" for incident in timed]},
            hovertemplate="%{x}: " + step + " %{y:,.0f} s<extra></extra>",
        )  # fmt: skip
        if timed:
            figure.add_annotation(x=timed[-1].id, y=log10(max(0.1, timed[-1].seconds(step) or 0.0)), text=step, showarrow=False,
                                  xanchor="left", xshift=12)  # fmt: skip
    figure.add_hline(y=3600, line={"dash": "dash", "color": GREY})
    figure.add_annotation(
        xref="paper", x=1, y=log10(3600), text="target: an hour", showarrow=False, xanchor="right", yanchor="bottom"
    )
    finish(figure, title, height=320, percent=False)
    figure.update_layout(showlegend=False)
    figure.update_yaxes(type="log", tickvals=[0.1, 1, 10, 60, 600, 3600, 86400],
                        ticktext=["0.1 s", "1 s", "10 s", "1 min", "10 min", "1 h", "1 day"])  # fmt: skip
    return figure
