"""Flows as pictures: where each node stands, and the same graph as Mermaid, DOT and SVG. Feedback edges in one colour,
checkpoints on their edge; declared, imported and observed edges by the style of their line."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from html import escape

import networkx as nx

from tailguard.plays.loops.flows import Edge, Flows, Known
from tailguard.plays.loops.search import cut

FORMS = ("mermaid", "dot", "svg")
FEEDBACK = "#D55E00"
_GREY = "#808080"
_DASH = {Known.DECLARED: "", Known.IMPORTED: "7 4", Known.OBSERVED: "2 4"}
_SWEEPS = 6
_COLUMN, _ROW, _BOX, _HIGH = 230, 54, 150, 30


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A graph ready to be drawn: column and row of each node, edges that lead back, and the names on edges with a checkpoint."""

    flows: Flows
    place: Mapping[str, tuple[int, float]]
    feedback: frozenset[Edge]
    checkpoints: Mapping[Edge, str]

    def style(self, edge: Edge) -> str:
        """The dashes of an edge's line: none for what was declared, long for imported, dots for what only the log has seen."""
        known = self.flows.edges[edge]
        return next(_DASH[kind] for kind in Known if kind in known)


def drawing(flows: Flows, closing: Collection[Edge], *, around: Collection[str] | None = None) -> Drawing:
    """Lay a graph out from left to right. `closing` edges lead back; `around` keeps these nodes and their neighbours only.

    Columns are longest paths once the feedback edges are out, rows follow the mean row of a node's neighbours (K. Sugiyama,
    1981). The same graph is laid out the same way.
    """
    if around is not None:
        kept = set(around) | {
            name
            for edge in flows.edges
            if {edge.source, edge.target} & set(around)
            for name in (edge.source, edge.target)
        }
        flows = Flows(
            nodes={name: kind for name, kind in flows.nodes.items() if name in kept},
            edges={edge: known for edge, known in flows.edges.items() if {edge.source, edge.target} <= kept},
            checkpoints=tuple(
                checkpoint
                for checkpoint in flows.checkpoints
                if {checkpoint.edge.source, checkpoint.edge.target} <= kept
            ),
        )
    known = frozenset(closing) & flows.edges.keys()
    feedback = known | frozenset(cut(flows.edges, known).edges)
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(sorted(flows.nodes))
    graph.add_edges_from(sorted((edge.source, edge.target) for edge in flows.edges if edge not in feedback))
    columns: dict[str, int] = {}
    for name in nx.lexicographical_topological_sort(graph):
        columns[name] = max((columns[before] + 1 for before in graph.predecessors(name)), default=0)
    return Drawing(
        flows=flows,
        place=_rows(graph, columns),
        feedback=feedback,
        checkpoints={checkpoint.edge: checkpoint.name for checkpoint in flows.checkpoints},
    )


def _rows(graph: nx.DiGraph[str], columns: Mapping[str, int]) -> dict[str, tuple[int, float]]:
    layers: dict[int, list[str]] = {}
    for name in sorted(columns):
        layers.setdefault(columns[name], []).append(name)
    row = {name: float(position) for names in layers.values() for position, name in enumerate(names)}
    for sweep in range(_SWEEPS):
        order = sorted(layers) if sweep % 2 == 0 else sorted(layers, reverse=True)
        for column in order:
            means = {}
            for name in layers[column]:
                near = [*graph.predecessors(name)] if sweep % 2 == 0 else [*graph.successors(name)]
                means[name] = sum(row[neighbour] for neighbour in near) / len(near) if near else row[name]
            layers[column].sort(key=lambda name: (means[name], name))
            row.update({name: float(position) for position, name in enumerate(layers[column])})
    tallest = max((len(names) for names in layers.values()), default=1)
    return {
        name: (column, row[name] + (tallest - len(names)) / 2) for column, names in layers.items() for name in names
    }


def as_text(flows: Flows, closing: Collection[Edge], form: str) -> str:
    """A graph in one form: mermaid, dot or svg."""
    drawn = drawing(flows, closing)
    return {"mermaid": _mermaid, "dot": _dot, "svg": _svg}[form](drawn)


def _mermaid(drawn: Drawing) -> str:
    ids = {name: f"n{number}" for number, name in enumerate(sorted(drawn.flows.nodes))}
    shapes = {"model": ("([", "])"), "dataset": ("[(", ")]"), "person": ("((", "))")}
    lines = ["flowchart LR"]
    for name, kind in sorted(drawn.flows.nodes.items()):
        left, right = shapes.get(kind, ("[", "]"))
        lines.append(f'  {ids[name]}{left}"{_quoted(name)}"{right}')
    for number, edge in enumerate(sorted(drawn.flows.edges)):
        arrow = "-->" if not drawn.style(edge) else "-.->"
        label = f'|"⛉ {_quoted(drawn.checkpoints[edge])}"|' if edge in drawn.checkpoints else ""
        lines.append(f"  {ids[edge.source]} {arrow}{label} {ids[edge.target]}")
        if edge in drawn.feedback:
            lines.append(f"  linkStyle {number} stroke:{FEEDBACK},stroke-width:3px")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Text inside Mermaid's quotes: entities for what it would obey."""
    return "".join(letter if letter.isalnum() or letter in " -_./()" else f"#{ord(letter)};" for letter in text)


def _dot(drawn: Drawing) -> str:
    lines = ["digraph flows {", "  rankdir=LR;", "  node [shape=box];"]
    shapes = {"model": "ellipse", "dataset": "cylinder", "person": "circle"}
    lines += [
        f"  {json.dumps(name)} [shape={shapes.get(kind, 'box')}];" for name, kind in sorted(drawn.flows.nodes.items())
    ]
    for edge in sorted(drawn.flows.edges):
        attributes = [f"style={'dashed' if drawn.style(edge) else 'solid'}"]
        if edge in drawn.feedback:
            attributes.append(f'color="{FEEDBACK}"')
        if edge in drawn.checkpoints:
            attributes.append(f"label={json.dumps(drawn.checkpoints[edge])}")
        lines.append(f"  {json.dumps(edge.source)} -> {json.dumps(edge.target)} [{', '.join(attributes)}];")
    return "\n".join([*lines, "}"]) + "\n"


def _svg(drawn: Drawing) -> str:
    def middle(name: str) -> tuple[float, float]:
        column, row = drawn.place[name]
        return 20 + column * _COLUMN + _BOX / 2, 40 + row * _ROW + _HIGH / 2

    wide = 40 + (max((column for column, _ in drawn.place.values()), default=0)) * _COLUMN + _BOX
    high = 90 + max((row for _, row in drawn.place.values()), default=0.0) * _ROW + _HIGH
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high:g}" font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<defs><marker id="to" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0L8 4L0 8z" fill="{_GREY}"/></marker><marker id="back" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        f'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="{FEEDBACK}"/></marker></defs>',
    ]
    for edge in sorted(drawn.flows.edges):
        parts.append(_svg_edge(drawn, edge, middle(edge.source), middle(edge.target)))
    for name, kind in sorted(drawn.flows.nodes.items()):
        x, y = middle(name)
        round_ = 15 if kind == "model" else 2
        short = name if len(name) < 25 else "…" + name[-23:]
        parts.append(
            f'<g><title>{escape(name)} ({kind})</title><rect x="{x - _BOX / 2:g}" y="{y - _HIGH / 2:g}" width="{_BOX}" '
            f'height="{_HIGH}" rx="{round_}" fill="#f4f6f8" stroke="#555"/><text x="{x:g}" y="{y + 4:g}" text-anchor="middle">'
            f"{escape(short)}</text></g>"
        )
    legend = (
        "solid: declared, long dashes: imported, dots: observed by the run log only; orange: leads back; ⛉: checkpoint"
    )
    parts.append(f'<text x="20" y="{high - 12:g}" fill="#555">{legend}</text></svg>')
    return "\n".join(parts) + "\n"


def _svg_edge(drawn: Drawing, edge: Edge, start: tuple[float, float], end: tuple[float, float]) -> str:
    back = edge in drawn.feedback
    (x1, y1), (x2, y2) = (start[0] + _BOX / 2, start[1]), (end[0] - _BOX / 2, end[1])
    if back:  # around, above the nodes
        over = min(y1, y2) - _ROW * 0.8
        path = f"M{x1:g} {y1:g}C{x1 + 60:g} {over:g} {x2 - 60:g} {over:g} {x2:g} {y2:g}"
        centre = ((x1 + x2) / 2, (y1 + y2) / 8 + over * 0.75)
    else:
        bend = max(30.0, (x2 - x1) / 2)
        path = f"M{x1:g} {y1:g}C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}"
        centre = ((x1 + x2) / 2, (y1 + y2) / 2)
    dash = f' stroke-dasharray="{drawn.style(edge)}"' if drawn.style(edge) else ""
    line = (
        f'<path d="{path}" fill="none" stroke="{FEEDBACK if back else _GREY}" stroke-width="{2.5 if back else 1.2}"{dash} '
        f'marker-end="url(#{"back" if back else "to"})"/>'
    )
    if edge not in drawn.checkpoints:
        return line
    return (
        f'{line}<text x="{centre[0]:g}" y="{centre[1] - 5:g}" text-anchor="middle" fill="#009E73">⛉ '
        f"{escape(drawn.checkpoints[edge])}</text>"
    )
