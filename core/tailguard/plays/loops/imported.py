"""Lineage files of other systems as flows: OpenLineage events, Marquez exports and dbt manifests, recognised by their content.

A dataset is named `namespace/name`, a job `namespace/name (job)`, a dbt node by its unique id. Data flows from a job's inputs
through the job to its outputs. Formats: OpenLineage 2-0-2, Marquez API v1, dbt manifest v7 to v12.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailguard.errors import InputError
from tailguard.plays.loops.declared import parse_flows
from tailguard.plays.loops.flows import Flows, Known, flows, merged

_DBT_KINDS = {"test": "job", "unit_test": "job", "operation": "job", "exposure": "system"}
_EXPECTED = "OpenLineage events (JSON or JSON lines), a Marquez export, or a dbt manifest.json"


@dataclass(frozen=True)
class Lineage:
    """What a file holds: its form, the flows, and what in it could not be read, with its place."""

    form: str
    flows: Flows
    problems: tuple[str, ...]

    @property
    def datasets(self) -> int:
        """How many nodes are datasets."""
        return Counter(self.flows.nodes.values())["dataset"]

    @property
    def jobs(self) -> int:
        """How many nodes are jobs."""
        return Counter(self.flows.nodes.values())["job"]


def read_flows(path: Path) -> Lineage:
    """Flows of any file that holds some: flows.yaml (by its suffix) or a lineage file. Raises InputError."""
    if path.suffix in (".yaml", ".yml"):
        return Lineage("flows.yaml", parse_flows(_text(path), str(path)), ())
    return read_lineage(path)


def read_lineage(path: Path) -> Lineage:
    """The flows in a lineage file. Raises InputError where nothing in it is one."""
    values, problems = _values(_text(path), str(path))
    if len(values) == 1 and isinstance(values[0], dict):
        document = values[0]
        if "nodes" in document and "metadata" in document:
            return Lineage("dbt manifest", _dbt(document), ())
        if {"jobs", "datasets"} & document.keys():
            values = [*document.get("jobs", []), *document.get("datasets", [])]
        elif isinstance(document.get("events"), list):
            values = document["events"]
    builder = _Builder(str(path), list(problems))
    for number, value in enumerate(values, start=1):
        builder.add(value, number)
    if not builder.kinds:
        problem = f" {builder.problems[0]}" if builder.problems else ""
        raise InputError(f"{path} holds no lineage. Expected {_EXPECTED}.{problem}")
    form = "Marquez export" if builder.marquez else "OpenLineage events"
    return Lineage(form, flows(builder.kinds, builder.edges, Known.IMPORTED), tuple(builder.problems))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}).") from error


def _values(text: str, where: str) -> tuple[list[Any], list[str]]:
    """The values in a JSON file, or in one with a value a line; what cannot be read is told with its line."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
        if len(lines) < 2 or not lines[0][1].lstrip().startswith("{"):
            raise InputError(f"{where} line {error.lineno} is not JSON ({error.msg}). Expected {_EXPECTED}.") from error
        return _lines(lines, where)
    return (document if isinstance(document, list) else [document]), []


def _lines(lines: list[tuple[int, str]], where: str) -> tuple[list[Any], list[str]]:
    values, problems = [], []
    for number, line in lines:
        try:
            values.append(json.loads(line))
        except json.JSONDecodeError as error:
            problems.append(f"{where} line {number} is not JSON ({error.msg}).")
    return values, problems


def _dbt(manifest: dict[str, Any]) -> Flows:
    kinds: dict[str, str] = {}
    edges: set[tuple[str, str]] = set()
    for group in ("sources", "nodes", "exposures", "metrics", "semantic_models", "saved_queries", "unit_tests"):
        for name, node in (manifest.get(group) or {}).items():
            kinds[name] = _DBT_KINDS.get(str(node.get("resource_type", "")), "dataset")
            depends = node.get("depends_on") or {}
            edges |= {(str(parent), name) for parent in depends.get("nodes") or ()}
    for name, parents in (manifest.get("parent_map") or {}).items():
        edges |= {(str(parent), name) for parent in parents}
    return merged([flows(kinds, sorted(edges), Known.IMPORTED)])


class _Builder:
    """Collects datasets, jobs and edges, value by value; one that is neither is a problem with its place."""

    def __init__(self, where: str, problems: list[str]) -> None:
        self._where = where
        self.problems = problems
        self.kinds: dict[str, str] = {}
        self.edges: set[tuple[str, str]] = set()
        self.marquez = False

    def add(self, value: Any, number: int) -> None:
        if not isinstance(value, dict):
            self._wrong(number, "an object was expected")
        elif isinstance(value.get("job"), dict):
            self._job(value["job"], value, number)
        elif isinstance(value.get("dataset"), dict):
            self._dataset(value["dataset"], number)
        elif "inputs" in value and "outputs" in value and "name" in value:
            self.marquez = True
            self._job(value, value, number)
        elif "physicalName" in value or "sourceName" in value:
            self.marquez = True
            self._dataset(value, number)
        else:
            self._wrong(number, "neither an event with a job or dataset nor a Marquez job or dataset")

    def _job(self, job: dict[str, Any], ends: dict[str, Any], number: int) -> None:
        name = self._name(job, number)
        if name is None:
            return
        name = f"{name} (job)"
        self.kinds[name] = "job"
        for entry in ends.get("inputs") or ():
            if dataset := self._dataset(entry, number):
                self.edges.add((dataset, name))
        for entry in ends.get("outputs") or ():
            if dataset := self._dataset(entry, number):
                self.edges.add((name, dataset))

    def _dataset(self, value: Any, number: int) -> str | None:
        name = self._name(value, number)
        if name is not None:
            self.kinds[name] = "dataset"
        return name

    def _name(self, value: Any, number: int) -> str | None:
        """`namespace/name`; some producers leave one of the two out."""
        fields: dict[str, Any] = value if isinstance(value, dict) else {}
        inner = fields.get("id")  # Marquez has an id with both beside them
        parts = [
            (inner if isinstance(inner, dict) else {}).get(key) or fields.get(key) for key in ("namespace", "name")
        ]
        if not any(isinstance(part, str) and part for part in parts):
            self._wrong(number, "a job or dataset has neither name nor namespace")
            return None
        return "/".join(str(part) for part in parts if part)

    def _wrong(self, number: int, what: str) -> None:
        self.problems.append(f"{self._where} entry {number}: {what}.")
