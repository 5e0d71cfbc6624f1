"""Frames in, Plotly figures out. One palette; thresholds dashed with their value; estimates with their interval."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from pages.shared.words import on_chart
from tailguard.domain import changes
from tailguard.domain.damage import Damage
from tailguard.domain.measures import Measure
from tailguard.domain.references import ReferenceKind, reference_name
from tailguard.domain.wording import counted

ORIGIN = {"human": "#0072B2", "ai": "#D55E00", "mixed": "#CC79A7", "unknown": "#808080"}
ROLE = {"anchor": "#009E73", "human": "#0072B2", "synthetic": "#D55E00"}
VERDICT = {
    "PASS": "#009E73",
    "BASELINE": "#009E73",
    "BLOCK": "#D62728",
    "INCONCLUSIVE": "#E69F00",
    "NOT COMPARABLE": "#808080",
}
SYMBOL = {"PASS": "circle", "BASELINE": "star", "BLOCK": "x", "INCONCLUSIVE": "diamond", "NOT COMPARABLE": "square"}
LINEAGE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
GREY = "#808080"
_INK = "#5c6370"
AGES = ("#9ecae1", "#4292c6", "#08519c")
LOST_OR_WON = [[0, "#a98bd6"], [0.5, "#eef0f2"], [1, "#b3c4d1"]]
"""From the largest loss to the largest gain: pale, so that figures stand on it, and no colour that means something else."""
REFERENCES = {"parent": "circle", "production": "cross", "best": "diamond", "first": "square"}


def finish(figure: go.Figure, title: str, *, height: int = 340, percent: bool = True) -> go.Figure:
    """What every chart shares: the finding as its title on the left, room for labels at the end, quiet axes."""
    figure.update_layout(
        title={"text": title, "font": {"size": 16}, "x": 0, "xanchor": "left", "y": 0.97},
        height=height,
        margin={"l": 8, "r": 90, "t": 56, "b": 8},
        legend={"orientation": "h", "y": -0.16 - 40 / height, "x": 0},
        hovermode="closest",
    )
    figure.update_xaxes(showgrid=False, automargin=True)
    figure.update_yaxes(automargin=True, zeroline=False)
    if percent:
        figure.update_yaxes(tickformat=".0%")
    return figure


def legible(figure: go.Figure, theme: str | None) -> go.Figure:
    """On a white page the words of axes and labels in a darker grey.

    Streamlit's own has a contrast of 3.7; WCAG 2.2 asks for 4.5.
    """
    if theme == "light":
        figure.update_xaxes(tickfont_color=_INK, title_font_color=_INK)
        figure.update_yaxes(tickfont_color=_INK, title_font_color=_INK)
        figure.update_traces(textfont_color=_INK, selector={"mode": "markers+text"})
        figure.update_traces(colorbar_tickfont_color=_INK, selector={"type": "heatmap"})
        figure.for_each_annotation(lambda annotation: annotation.update(font_color=annotation.font.color or _INK))
    return figure


def _end_label(figure: go.Figure, x: object, y: float, text: str, **position: int) -> None:
    """The name of a line at its end, in the colour of the page's text: small words in a line's colour are hard to read."""
    figure.add_annotation(x=x, y=y, text=text, showarrow=False, xanchor="left", xshift=8, **position)


def _whole(numbers: Iterable[int]) -> dict[str, object]:
    """An axis of whole numbers: each one named while they are few."""
    values = list(numbers)
    return {"dtick": 1} if not values or max(values) - min(values) <= 30 else {"tickformat": "d"}


def strips(lineages: dict[str, pd.DataFrame], title: str) -> go.Figure:
    """One strip a lineage: verdict marks on top, synthetic ratio as a line against its ceiling, overrides as flags."""
    figure = make_subplots(
        rows=len(lineages), cols=1, shared_xaxes=True, vertical_spacing=0.14, subplot_titles=list(lineages)
    )
    seen: set[str] = set()
    for number, (name, full) in enumerate(lineages.items(), start=1):
        frame = full.assign(day=full["started"].dt.strftime("%d %b %Y"))
        _ratio_lines(figure, frame, name, row=number)
        for verdict, part in frame.dropna(subset=["verdict"]).groupby("verdict"):
            figure.add_scatter(
                x=part["number"],
                y=[1.12] * len(part),
                mode="markers",
                name=str(verdict),
                legendgroup=str(verdict),
                marker={"color": VERDICT[str(verdict)], "symbol": SYMBOL[str(verdict)], "size": 13},
                showlegend=str(verdict) not in seen,
                row=number,
                col=1,
                customdata=part[["run", "shipping", "day"]],
                hovertemplate="%{customdata[0]}: " + str(verdict) + ", %{customdata[1]}<extra></extra>",
            )
            seen.add(str(verdict))
        for _, flag in frame[frame["overrides"] != ""].iterrows():
            figure.add_annotation(x=flag["number"], y=1.12, text=f"⚑ {flag['overrides']}", yshift=17, showarrow=False,
                                  row=number, col=1, hovertext=flag["overrides"])  # fmt: skip
        ceilings = frame["ceiling"].dropna()
        if len(ceilings):
            _end_label(figure, int(frame["number"].iloc[-1]), float(ceilings.iloc[-1]), f"ceiling {ceilings.iloc[-1]:.0%}",
                       row=number, col=1)  # fmt: skip
        figure.update_yaxes(range=[-0.05, 1.4], tickvals=[0, 0.5, 1], row=number, col=1)
        figure.update_xaxes(
            **_whole(frame["number"]), title="generation" if number == len(lineages) else None, row=number, col=1
        )
    for note in figure.layout.annotations[: len(lineages)]:
        note.update(x=0, xanchor="left", font={"size": 13})
    return finish(figure, title, height=150 + 165 * len(lineages))


def _ratio_lines(figure: go.Figure, frame: pd.DataFrame, name: str, *, row: int) -> None:
    """A lineage's synthetic ratio and its ceiling."""
    figure.add_scatter(
        x=frame["number"],
        y=frame[["ratio_records", "ratio_tokens"]].max(axis=1),
        mode="lines+markers",
        line={"color": ORIGIN["ai"], "width": 2},
        marker={"size": 4},
        name="synthetic ratio",
        showlegend=row == 1,
        row=row,
        col=1,
        hovertemplate="%{y:.1%} synthetic<extra>" + name + "</extra>",
    )
    figure.add_scatter(
        x=frame["number"],
        y=frame["ceiling"],
        mode="lines",
        line={"color": GREY, "dash": "dash", "shape": "hv"},
        name="ceiling",
        showlegend=row == 1,
        row=row,
        col=1,
        hoverinfo="skip",
    )


def origins(counts: pd.DataFrame, coverage: pd.DataFrame, target: float, title: str) -> go.Figure:
    """Stacked share of the four origins per run, coverage as a line with its band, target dashed."""
    figure = go.Figure()
    table = counts.pivot_table(index="run", columns="origin", values="records", aggfunc="sum", fill_value=0, sort=False)
    shares = table.div(table.sum(axis=1), axis=0)
    for origin, colour in ORIGIN.items():
        if origin in shares:
            figure.add_bar(x=shares.index, y=shares[origin], name=origin, marker_color=colour, opacity=0.85,
                           hovertemplate="%{x}: %{y:.1%} " + origin + "<extra></extra>")  # fmt: skip
    figure.add_scatter(
        x=coverage["run"], y=coverage["coverage"], mode="lines+markers", name="coverage (90 % interval)",
        line={"color": "#009E73", "width": 2},
        error_y={
            "type": "data", "symmetric": False, "array": coverage["coverage_high"] - coverage["coverage"],
            "arrayminus": coverage["coverage"] - coverage["coverage_low"],
        },
        hovertemplate="%{x}: %{y:.1%} carry a confident tag<extra></extra>",
    )  # fmt: skip
    figure.add_hline(y=target, line={"dash": "dash", "color": GREY}, annotation_text=f"target {target:.0%}",
                     annotation_position="right")  # fmt: skip
    figure.update_layout(barmode="stack")
    return finish(figure, title, height=380)


def backlog(points: pd.DataFrame, title: str) -> go.Figure:
    """Waiting records over time, stacked by how long they had waited, the oldest darkest."""
    figure = go.Figure()
    for band, colour in zip(points["band"].unique(), AGES, strict=False):
        part = points[points["band"] == band]
        figure.add_scatter(x=part["moment"], y=part["records"], name=f"waited {band}", stackgroup="age",
                           line={"shape": "hv", "width": 0.5, "color": colour}, fillcolor=colour,
                           hovertemplate="%{x|%d %b %Y}: %{y:,} waited " + str(band) + "<extra></extra>")  # fmt: skip
    figure.update_yaxes(title="records", rangemode="tozero")
    return finish(figure, title, height=260, percent=False)


def estimated_shares(shares: pd.DataFrame, title: str) -> go.Figure:
    """Both estimates of the model-made share of each batch, with their 90 % intervals, one row a batch."""
    figure = go.Figure()
    for number, (method, symbol) in enumerate((("PACC", "circle"), ("SLD", "diamond"))):
        part = shares[shares["method"] == method]
        figure.add_scatter(
            x=part["share"], y=[on_chart(f"{source}  {run}") for source, run in zip(part["source"], part["run"], strict=True)],
            mode="markers", name=method, marker={"symbol": symbol, "size": 9, "color": (ORIGIN["ai"], GREY)[number]},
            error_x={"type": "data", "symmetric": False, "array": part["high"] - part["share"],
                     "arrayminus": part["share"] - part["low"], "thickness": 1.5},
            customdata=part[["low", "high", "records"]],
            hovertemplate="%{y}: %{x:.1%} (%{customdata[0]:.1%} to %{customdata[1]:.1%}) of %{customdata[2]:,}"
                          f"<extra>{method}</extra>",
        )  # fmt: skip
    figure.update_xaxes(range=[-0.02, 1.02], tickformat=".0%")
    figure.update_yaxes(autorange="reversed")
    return finish(figure, title, height=150 + 34 * shares[["source", "run"]].drop_duplicates().shape[0], percent=False)


def coverage(frame: pd.DataFrame, target: float, title: str) -> go.Figure:
    """Coverage with its 90 % interval, one mark a row of the frame (`name`, `share`, `low`, `high`, `records`)."""
    figure = go.Figure()
    figure.add_scatter(
        x=frame["name"], y=frame["share"], mode="markers", marker={"size": 10, "color": "#009E73"}, showlegend=False,
        error_y={"type": "data", "symmetric": False, "array": frame["high"] - frame["share"],
                 "arrayminus": frame["share"] - frame["low"]},
        customdata=frame[["low", "high", "records"]],
        hovertemplate="%{x}: %{y:.1%} (%{customdata[0]:.1%} to %{customdata[1]:.1%}) of %{customdata[2]:,}<extra></extra>",
    )  # fmt: skip
    figure.add_hline(y=target, line={"dash": "dash", "color": GREY}, annotation_text=f"target {target:.0%}",
                     annotation_position="right")  # fmt: skip
    figure.update_yaxes(range=[0, 1.03])
    return finish(figure, title, height=300)


def ratios(frame: pd.DataFrame, blocked: pd.DataFrame, flags: pd.DataFrame, unit: str, title: str) -> go.Figure:
    """Ratio per run with the bounds that its tags leave, and the ceiling as it stood then.

    Blocked jobs are crosses, overrides flags.
    """
    figure = go.Figure()
    known = frame["high"].notna()
    figure.add_scatter(
        x=frame["run"], y=frame["ratio"], mode="lines+markers", name=f"synthetic share of {unit}, with its bounds",
        line={"color": ORIGIN["ai"], "width": 2}, marker={"size": 8},
        error_y={"type": "data", "symmetric": False, "array": (frame["high"] - frame["ratio"]).where(known, 0),
                 "arrayminus": (frame["ratio"] - frame["low"]).where(known, 0), "thickness": 1.5},
        customdata=frame[["low", "high"]],
        hovertemplate="%{x}: %{y:.1%} of " + unit
                      + " (%{customdata[0]:.1%} to %{customdata[1]:.1%} as its tags may be wrong)<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(x=frame["run"], y=frame["ceiling"], mode="lines", name="ceiling then",
                       line={"color": GREY, "dash": "dash", "shape": "hv"})  # fmt: skip
    if len(blocked):
        figure.add_scatter(x=blocked["run"], y=blocked["ratio"], mode="markers", name="blocked job",
                           marker={"symbol": "x", "size": 14, "color": VERDICT["BLOCK"]})  # fmt: skip
    for _, flag in flags.iterrows():
        figure.add_annotation(x=flag["run"], y=flag["high"], text=f"⚑ {flag['overrides']}", yshift=16, showarrow=False)
    if len(frame):
        last = frame.iloc[-1]
        _end_label(figure, last["run"], float(last["ceiling"]), f"ceiling {last['ceiling']:.0%}")
    figure.update_yaxes(rangemode="tozero")
    return finish(figure, title, height=380)


def cells(frame: pd.DataFrame, title: str) -> go.Figure:
    """Rare cells before and after the filter, and after dropping as many records at random; one row a slice and origin."""
    figure = go.Figure()
    names = [on_chart(f"{name}, {origin}") for name, origin in zip(frame["slice"], frame["origin"], strict=True)]
    figure.add_bar(y=names, x=frame["before"], name="before the filter", orientation="h", marker_color="#b8bdc4",
                   hovertemplate="%{y}: %{x:,} cells before<extra></extra>")  # fmt: skip
    figure.add_bar(y=names, x=frame["after"], name="after it", orientation="h",
                   marker_color=[ORIGIN.get(origin, GREY) for origin in frame["origin"]],
                   hovertemplate="%{y}: %{x:,} cells after<extra></extra>")  # fmt: skip
    figure.add_scatter(y=names, x=frame["before"] - frame["likely_loss"], mode="markers", name="after as many dropped at random",
                       marker={"symbol": "line-ns-open", "size": 22, "color": GREY, "line": {"width": 3}},
                       hovertemplate="%{y}: %{x:,.0f} cells, had as many been dropped at random<extra></extra>")  # fmt: skip
    figure.update_layout(barmode="group", bargap=0.35)
    figure.update_yaxes(autorange="reversed")
    return finish(figure, title, height=190 + 60 * len(frame), percent=False)


def reasons(frame: pd.DataFrame, title: str) -> go.Figure:
    """Dropped and flagged records by reason, one bar a reason, coloured by origin."""
    figure = go.Figure()
    totals = frame.groupby("reason")["records"].sum().sort_values()
    for origin, part in frame.groupby("origin"):
        sums = part.groupby("reason")["records"].sum().reindex(totals.index).fillna(0)
        figure.add_bar(y=totals.index, x=sums, name=str(origin), orientation="h", marker_color=ORIGIN.get(str(origin), GREY),
                       hovertemplate="%{y}: %{x:,} " + str(origin) + " records<extra></extra>")  # fmt: skip
    figure.update_layout(barmode="stack")
    return finish(figure, title, height=190 + 34 * len(totals), percent=False)


def calibration(points: pd.DataFrame, calibrated: pd.Series[Any], title: str) -> go.Figure:
    """What each share of synthetic text cost after the last generation, the margin, and both ceilings."""
    figure = go.Figure()
    last = int(points["generation"].max())
    for generation in sorted({int(number) for number in points["generation"]}):
        part = points[points["generation"] == generation]
        newest = generation == last
        figure.add_scatter(
            x=part["share"], y=part["value"], mode="lines+markers", name=f"after {counted(generation, 'generation')}",
            line={"color": ORIGIN["ai"] if newest else "#b8bdc4", "width": 2.5 if newest else 1.2},
            error_y={"type": "data", "symmetric": False, "array": part["high"] - part["value"],
                     "arrayminus": part["value"] - part["low"], "visible": newest},
            hovertemplate="%{x:.0%} synthetic: %{y:.1%}<extra>" + f"generation {generation}" + "</extra>",
        )  # fmt: skip
    floor = 1 - float(calibrated["margin"])
    figure.add_hline(
        y=floor,
        line={"dash": "dash", "color": GREY},
        annotation_text=f"margin {floor:.0%}",
        annotation_position="right",
    )
    for name, colour, edge in (("recommended", "#009E73", "top"), ("ceiling", GREY, "bottom")):
        value = float(calibrated[name])
        figure.add_vline(x=value, line={"dash": "dash", "color": colour})
        figure.add_annotation(x=value, y=1 if edge == "top" else 0, yref="paper", text=f"{name} {value:.0%}", showarrow=False,
                              xanchor="right" if edge == "top" else "left", xshift=-4 if edge == "top" else 4)  # fmt: skip
    figure.update_xaxes(tickformat=".0%", title="synthetic share of every generation")
    return finish(figure, title, height=360)


def parts(frame: pd.DataFrame, title: str) -> go.Figure:
    """What went into each training set: anchor, human and synthetic records, stacked."""
    figure = go.Figure()
    table = frame.pivot_table(index="number", columns="role", values="records", aggfunc="sum", fill_value=0, sort=False)
    for role, colour in ROLE.items():
        if role in table:
            figure.add_bar(x=table.index, y=table[role], name=role, marker_color=colour,
                           hovertemplate="generation %{x}: %{y:,} " + role + " records<extra></extra>")  # fmt: skip
    figure.update_layout(barmode="stack")
    figure.update_xaxes(title="generation", **_whole(table.index))
    return finish(figure, title, percent=False)


def _measured(frame: pd.DataFrame) -> list[tuple[Measure, str]]:
    """Each row's measure and slice."""
    return [(Measure(measure), str(part)) for measure, part in zip(frame["measure"], frame["slice"], strict=True)]


def deltas(frame: pd.DataFrame, title: str) -> go.Figure:
    """Each measure against each reference: its change with the interval, and the margin that it must stay above."""
    figure = go.Figure()
    measures = list(dict.fromkeys(_measured(frame)))[::-1]
    offsets = {"parent": 0.27, "production": 0.09, "best": -0.09, "first": -0.27}
    for kind, part in frame.groupby("reference_kind", sort=False):
        compared = _measured(part)
        figure.add_scatter(
            x=part["delta"], y=[measures.index(measured) + offsets[str(kind)] for measured in compared], mode="markers",
            name=f"against {reference_name(ReferenceKind(str(kind)), str(part['reference'].iloc[0]))}",
            marker={"symbol": REFERENCES[str(kind)], "size": 11, "color": [VERDICT[verdict] for verdict in part["verdict"]]},
            error_x={"type": "data", "symmetric": False, "array": part["high"].clip(upper=1) - part["delta"],
                     "arrayminus": part["delta"] - part["low"], "color": GREY},
            customdata=[
                (on_chart(measure.within(of_slice)), changes.signed(measure, delta), changes.interval(measure, low, high),
                 on_chart(reference), verdict)
                for (measure, of_slice), delta, low, high, reference, verdict in zip(
                    compared, part["delta"], part["low"], part["high"], part["reference"], part["verdict"], strict=True
                )
            ],
            hovertemplate="%{customdata[0]}: %{customdata[1]} (%{customdata[2]}) against %{customdata[3]}: %{customdata[4]}"
                          "<extra></extra>",
        )  # fmt: skip
    for position, (measure, of_slice) in enumerate(measures):
        margin = float(frame.loc[(frame["measure"] == measure) & (frame["slice"] == of_slice), "margin"].iloc[0])
        figure.add_shape(
            type="line",
            x0=-margin,
            x1=-margin,
            y0=position - 0.4,
            y1=position + 0.4,
            line={"dash": "dash", "color": GREY},
        )
        figure.add_annotation(
            x=-margin,
            y=position + 0.44,
            text=f"margin \N{MINUS SIGN}{changes.size(measure, margin)}",
            showarrow=False,
            font={"size": 11},
        )
    figure.add_vline(x=0, line={"color": GREY, "width": 1})
    finish(figure, title, height=150 + 58 * len(measures), percent=False)
    figure.update_xaxes(tickformat="+.0%", title="change: points for shares, else % of the reference's value")
    figure.update_yaxes(
        tickvals=list(range(len(measures))),
        ticktext=[on_chart(measure.within(of_slice)) for measure, of_slice in measures],
        range=[-0.6, len(measures) - 0.3],
        showgrid=False,
    )
    return figure


def generations(lines: dict[str, pd.DataFrame], title: str, *, percent: bool) -> go.Figure:
    """One measure over generations, a line a lineage, labelled at its end; in per cent where its values are shares."""
    figure = go.Figure()
    shown = ".1%" if percent else ",.0f"
    for (name, frame), colour in zip(lines.items(), LINEAGE, strict=False):
        figure.add_scatter(x=frame["number"], y=frame["value"], mode="lines+markers", name=name, showlegend=False,
                           line={"color": colour, "width": 2.5},
                           hovertemplate=f"{name}/%{{x}}: %{{y:{shown}}}<extra></extra>")  # fmt: skip
        if len(frame):
            _end_label(figure, int(frame["number"].iloc[-1]), float(frame["value"].iloc[-1]), name)
    figure.update_yaxes(rangemode="tozero", tickformat=",.0f")
    numbers = [number for frame in lines.values() for number in frame["number"]]
    figure.update_xaxes(title="generation", **_whole(numbers))
    return finish(figure, title, percent=percent)


def outcomes(decisions: pd.DataFrame, canaries: pd.DataFrame, title: str) -> go.Figure:
    """Gate outcomes by month, stacked, and under them the self-tests with the loss that each one planted."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.16, row_heights=[0.55, 0.45],
                           subplot_titles=["candidates", "self-tests: loss that was planted"])  # fmt: skip
    months = decisions.assign(month=decisions["recorded"].dt.to_period("M").dt.to_timestamp())
    for verdict, part in months.groupby("verdict"):
        counts = part.groupby("month").size()
        figure.add_bar(x=counts.index, y=counts, name=str(verdict), marker_color=VERDICT[str(verdict)], row=1, col=1)
    for verdict, part in canaries.assign(damage=[Damage(kind).label for kind in canaries["kind"]]).groupby("verdict"):
        figure.add_scatter(
            x=part["recorded"], y=part["loss"], mode="markers", name=f"self-test: {verdict}", row=2, col=1,
            marker={"color": VERDICT[str(verdict)], "symbol": SYMBOL[str(verdict)], "size": 9},
            customdata=part[["run", "damage"]], hovertemplate="%{customdata[0]}, %{customdata[1]}: loss %{y:.1%}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(barmode="stack", bargap=0.4)
    finish(figure, title, height=440, percent=False)
    figure.update_yaxes(tickformat=".0%", row=2, col=1)
    highest = int(months.groupby("month").size().max())
    figure.update_yaxes(**_whole([0, highest]), row=1, col=1)
    for note in figure.layout.annotations[:2]:
        note.update(x=0, xanchor="left", font={"size": 13})
    return figure


def exceptions(frame: pd.DataFrame, uses: pd.DataFrame, today: object, title: str) -> go.Figure:
    """A bar per override from request to expiry, uses as ticks, today as a line."""
    figure = go.Figure()
    colours = {"open": "#0072B2", "requested": "#E69F00"}
    for _, override in frame.iterrows():
        name, state = override["id"], override["state"]
        figure.add_scatter(x=[override["requested"], override["expires"]], y=[name, name], mode="lines", showlegend=False,
                           line={"width": 14, "color": colours.get(state, "#b8bdc4")}, name=name,
                           hovertemplate=f"{name}: {state}, until %{{x|%d %b %Y}}<extra></extra>")  # fmt: skip
        _end_label(figure, override["expires"], name, state)
    if len(uses):
        figure.add_scatter(x=uses["recorded"], y=uses["override"], mode="markers", name="used", showlegend=False,
                           marker={"symbol": "line-ns-open", "size": 22, "color": ORIGIN["ai"], "line": {"width": 3}})  # fmt: skip
    figure.update_yaxes(showgrid=False)  # a line through the words at the bars' ends
    figure.add_vline(x=today, line={"dash": "dash", "color": GREY})
    figure.add_annotation(x=today, y=1, yref="paper", yanchor="bottom", text="today", showarrow=False)
    return finish(figure, title, height=160 + 46 * max(1, len(frame)), percent=False)


def slices(frame: pd.DataFrame, title: str) -> go.Figure:
    """Slices by generations as a heat map of the change against the parent; the slice that lost most stands on top."""
    table = frame.pivot_table(index="slice", columns="run", values="delta", sort=False)
    table = table.loc[table.min(axis=1).sort_values(ascending=False).index]
    reach = max(0.02, float(table.abs().max().max()))
    figure = go.Figure(
        go.Heatmap(
            z=table.to_numpy(), x=list(table.columns), y=[on_chart(str(name)) for name in table.index],
            zmid=0, zmin=-reach, zmax=reach, colorscale=LOST_OR_WON, colorbar={"tickformat": "+.0%", "thickness": 10},
            text=[["" if pd.isna(value) else f"{value:+.1%}" for value in row] for row in table.to_numpy()],
            texttemplate="%{text}", textfont={"color": "#1c2024"}, hovertemplate="%{y} in %{x}: %{z:+.1%}<extra></extra>",
        )
    )  # fmt: skip
    return finish(figure, title, height=150 + 44 * len(table), percent=False)


def sensitivity(frame: pd.DataFrame, title: str) -> go.Figure:
    """The smallest planted loss of rare words that each gate run blocked, and the margin; no mark where none was blocked."""
    figure = go.Figure()
    figure.add_scatter(x=frame["run"], y=frame["loss"], mode="lines+markers", line={"color": "#0072B2", "width": 2.5},
                       marker={"size": 9}, showlegend=False,
                       hovertemplate="%{x}: a loss of %{y:.1%} of the rare words was blocked<extra></extra>")  # fmt: skip
    margin = float(frame["margin"].iloc[-1])
    figure.add_hline(y=margin, line={"dash": "dash", "color": GREY})
    figure.add_annotation(x=1, xref="paper", y=margin, text=f"margin {margin:.0%}", showarrow=False, yanchor="bottom",
                          xanchor="right")  # fmt: skip
    figure.update_yaxes(rangemode="tozero")
    return finish(figure, title, height=300)


def streams(frame: pd.DataFrame, title: str) -> go.Figure:
    """A measure of production texts week by week, a line a stream, as a change against its frozen reference."""
    figure = go.Figure()
    for (name, part), colour in zip(frame.groupby("stream", sort=False), LINEAGE, strict=False):
        change = part["value"] / part["reference_value"] - 1
        figure.add_scatter(
            x=part["week"], y=change, mode="lines+markers", line={"color": colour, "width": 2.5}, showlegend=False,
            marker={"size": [13 if alarm else 7 for alarm in part["alarm"]], "color": colour,
                    "symbol": ["x" if alarm else "circle" for alarm in part["alarm"]]},
            customdata=part[["texts", "e_value", "threshold"]],
            hovertemplate="%{x|%d %b %Y}: %{y:+.1%}, %{customdata[0]} texts, evidence %{customdata[1]:,.1f} of "
                          "%{customdata[2]:,.0f}<extra></extra>",
        )  # fmt: skip
        _end_label(figure, part["week"].iloc[-1], float(change.iloc[-1]), on_chart(str(name)))
    margin = float(frame["margin"].iloc[-1])
    figure.add_hline(y=-margin, line={"dash": "dash", "color": GREY})
    figure.add_annotation(x=0, xref="paper", y=-margin, text=f"margin −{margin:.0%}", showarrow=False, yanchor="bottom",
                          xanchor="left")  # fmt: skip
    finish(figure, title, height=320, percent=False)
    figure.update_yaxes(tickformat="+.0%")
    return figure
