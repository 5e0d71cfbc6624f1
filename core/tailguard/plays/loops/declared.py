"""flows.yaml: what a team says about its own flows. A mistake is named with its line."""

from __future__ import annotations

import difflib
from typing import Any

import yaml

from tailguard.errors import InputError
from tailguard.plays.loops.flows import Checkpoint, Edge, Flows, Known

FILE = "flows.yaml"
GROUPS = {"systems": "system", "datasets": "dataset", "models": "model", "people": "person"}
EVIDENCE = ("intake", "filter", "ratio", "review", "confirmed")
"""What shows that a checkpoint works: intake tagged the batches, the filter scored them, the ratio gate cleared the set,
a reviewer decided held records, or a person confirmed it (`tailguard loops confirm`)."""
DEFAULT_DAYS = 31
_KEYS = ("flows_version", *GROUPS, "edges", "checkpoints")
_CHECKPOINT_KEYS = ("name", "on", "owner", "evidence", "every_days")
TEMPLATE = """# Where data flows: what our models write, where it goes, and how it can come back as training data.
# `tailguard loops list` adds what lineage files and the run log show, and says which loops nobody guards.
flows_version: 1
systems: {}                    # help centre: {owner: kim}
datasets: {}                   # crawl: {also: ["warehouse/crawl"]}, `also` has other names in the log and in lineage files
models: {}
people: {}
edges:                         # - chat -> help centre
checkpoints:                   # - {name: crawl review, on: crawl -> main training set, owner: kim, evidence: review}
"""


def parse_flows(text: str, where: str) -> Flows:
    """What a flows.yaml declares. Raises InputError that names file, line, what was expected and what was found."""
    try:
        root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        raise InputError(f"{where}{line} is not valid YAML: {getattr(error, 'problem', error)}. Fix it.") from error
    if not isinstance(root, yaml.MappingNode):
        raise InputError(f"{where}: expected keys {', '.join(_KEYS)}; `tailguard loops init` writes an example.")
    return _Reader(where).read(root)


class _Reader:
    """Walks the composed document, so that each complaint knows its line."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._nodes: dict[str, str] = {}
        self._also: dict[str, str] = {}

    def read(self, root: yaml.MappingNode) -> Flows:
        parts = self._keys(root, _KEYS)
        version = parts.get("flows_version")
        if version is None or version.value != "1":
            raise self._wrong(version or root, "flows_version: 1 is missing. Add it")
        for group, kind in GROUPS.items():
            self._group(parts.get(group), kind)
        edges = [self._edge(node) for node in self._items(parts.get("edges"))]
        checkpoints = [self._checkpoint(node, edges) for node in self._items(parts.get("checkpoints"))]
        twice = {
            checkpoint.name
            for checkpoint in checkpoints
            if sum(other.name == checkpoint.name for other in checkpoints) > 1
        }
        if twice:
            raise self._wrong(parts["checkpoints"], f"two checkpoints are called {sorted(twice)[0]!r}. Rename one")
        return Flows(
            nodes=dict(self._nodes),
            edges={edge: frozenset([Known.DECLARED]) for edge in edges},
            checkpoints=tuple(checkpoints),
            also=dict(self._also),
        )

    def _group(self, node: Any, kind: str) -> None:
        for key, value in self._pairs(node):
            name = self._name(key)
            if name in self._nodes:
                raise self._wrong(key, f"{name!r} is declared twice")
            self._nodes[name] = kind
            for inner, values in self._pairs(value):
                if inner.value == "also":
                    self._also.update({self._name(other): name for other in self._items(values)})
                elif inner.value not in ("owner", "note"):
                    raise self._wrong(inner, f"{name!r} has also, owner and note, not {inner.value!r}")

    def _edge(self, node: Any) -> Edge:
        if not isinstance(node, yaml.ScalarNode) or node.value.count("->") != 1:
            raise self._wrong(node, "an edge is written `from -> to`")
        source, target = (name.strip() for name in node.value.split("->"))
        if not source or not target:
            raise self._wrong(node, "an edge is written `from -> to`, with a name on both sides")
        return Edge(source, target)

    def _checkpoint(self, node: Any, edges: list[Edge]) -> Checkpoint:
        parts = self._keys(node, _CHECKPOINT_KEYS)
        missing = [key for key in ("name", "on", "owner", "evidence") if key not in parts]
        if missing:
            raise self._wrong(node, f"a checkpoint needs {', '.join(missing)}")
        edge = self._edge(parts["on"])
        if edge not in edges:
            near = difflib.get_close_matches(edge.text, [known.text for known in edges], n=1)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            raise self._wrong(parts["on"], f"there is no edge `{edge.text}`; list it under edges.{hint}")
        if parts["evidence"].value not in EVIDENCE:
            raise self._wrong(
                parts["evidence"], f"evidence is {', '.join(EVIDENCE)}, found {parts['evidence'].value!r}"
            )
        days = parts["every_days"].value if "every_days" in parts else str(DEFAULT_DAYS)
        if not days.isdecimal() or not 0 < int(days) <= 366:
            raise self._wrong(parts["every_days"], f"every_days is a whole number from 1 to 366, found {days!r}")
        return Checkpoint(
            name=self._name(parts["name"]),
            edge=edge,
            owner=self._name(parts["owner"]),
            evidence=parts["evidence"].value,
            every_days=int(days),
        )

    def _keys(self, node: Any, known: tuple[str, ...]) -> dict[str, Any]:
        parts: dict[str, Any] = {}
        if not isinstance(node, yaml.MappingNode):
            raise self._wrong(node, f"expected keys {', '.join(known)}")
        for key, value in self._pairs(node):
            if key.value not in known:
                near = difflib.get_close_matches(key.value, known, n=1)
                hint = f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(known)}"
                raise self._wrong(key, f"unknown key {key.value!r}. {hint}")
            parts[key.value] = value
        return parts

    def _pairs(self, node: Any) -> list[tuple[Any, Any]]:
        if node is None or (isinstance(node, yaml.ScalarNode) and node.value in ("", "null", "~")):
            return []
        if not isinstance(node, yaml.MappingNode):
            raise self._wrong(node, "expected names with their settings in braces, such as `crawl: {}`")
        return list(node.value)

    def _items(self, node: Any) -> list[Any]:
        if node is None or (isinstance(node, yaml.ScalarNode) and node.value in ("", "null", "~")):
            return []
        if not isinstance(node, yaml.SequenceNode):
            raise self._wrong(node, "expected a list")
        return list(node.value)

    def _name(self, node: Any) -> str:
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip() or "->" in node.value:
            raise self._wrong(node, "expected a name")
        return str(node.value).strip()

    def _wrong(self, node: Any, what: str) -> InputError:
        return InputError(f"{self._where} line {node.start_mark.line + 1}: {what}.")


def with_entry(text: str, group: str, entry: str, where: str) -> str:
    """The file with one more entry at the end of `edges` or `checkpoints`; all else stays as it was.

    Raises InputError when the list is not written one entry a line.
    """
    parse_flows(text, where)
    root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    lines = text.splitlines()
    existing = next((pair for pair in root.value if pair[0].value == group), None)
    if existing is None:
        lines += [f"{group}:", f"  - {entry}"]
    else:
        key, value = existing
        if isinstance(value, yaml.SequenceNode) and value.value:
            if value.flow_style:
                raise InputError(f"{where} line {key.start_mark.line + 1}: write {group} one entry a line first.")
            last = value.value[-1].end_mark
            at = last.line if last.column else last.line - 1
            indent = " " * value.start_mark.column
        else:
            at, indent = key.start_mark.line, "  "
            lines[at] = lines[at].replace("[]", "", 1)
        lines.insert(at + 1, f"{indent}- {entry}")
    changed = "\n".join(lines) + "\n"
    parse_flows(changed, where)
    return changed
