"""The record of a run as a page, for somebody who opens its folder without Tailguard."""

from __future__ import annotations

from typing import Any

from tailguard.domain.markdown import plain
from tailguard.domain.stages import Requirement


def page(record: dict[str, Any]) -> str:
    """The content of a record for a person, as Markdown."""
    lines = [
        f"# Record of {_cell(record['run'])}",
        "",
        f"Made by {_cell(record['author'])}, started {record['started'][:16]} UTC, seed {record['seed']}. Repeat it with "
        "`tailguard reproduce FOLDER`, where FOLDER is the one that holds this page.",
        "",
        "| what | value |",
        "|---|---|",
        *(f"| {name} | {_cell(value)} |" for name, value in record["summary"].items()),
        "",
        "## Inputs",
        "",
        *_inputs(record),
        "",
        "## Deviations",
        "",
        *_deviations(record),
        "",
        "## Decisions",
        "",
        *_decisions(record),
        "",
        "## Exit criteria",
        "",
        *_criteria(record),
        "",
        "## Versions",
        "",
        *(f"- {_cell(name)} {_cell(value)}" for name, value in record["versions"].items()),
        "",
        "The policy is beside this page as policy.toml, everything that was read under store/ and inputs/, the log's rows that "
        "stood there while it ran in log.jsonl, and all that it recorded in record.json.",
    ]
    return "\n".join(lines)


def _inputs(record: dict[str, Any]) -> list[str]:
    return [
        "| file | source | declared | digest |",
        "|---|---|---|---|",
        *(
            f"| {_cell(batch['file'])} | {_cell(batch['source'])} | {batch['declared']} | {batch['digest'][:16]} |"
            for batch in record["inputs"]
        ),
    ]


def _deviations(record: dict[str, Any]) -> list[str]:
    return [
        f"- {_cell(deviation['what'])}. Why: {_cell(deviation['why'] or 'not stated')}."
        for deviation in record["deviations"]
    ] or ["None."]


def _decisions(record: dict[str, Any]) -> list[str]:
    """What the gate decided, and then what people decided."""
    return [
        *(
            f"- {values['gate']} gate: {values['verdict']}. {_cell(values['reason'])}"
            + (f", under {values['override']}." if values["override"] else ".")
            for kind, values in record["facts"]
            if kind == "gate_decision"
        ),
        *(f"- {_cell(line)}" for line in record["decisions"]),
    ]


def _criteria(record: dict[str, Any]) -> list[str]:
    criteria = [values for kind, values in record["facts"] if kind == "exit_criterion"]
    return [
        "| stage | criterion | required | observed | met |",
        "|---|---|---|---|---|",
        *(f"| {' | '.join(_criterion(values))} |" for values in criteria),
    ]


def _criterion(values: dict[str, Any]) -> list[str]:
    asked, met = Requirement(values["name"]).label, "yes" if values["met"] else "no"
    return [values["stage"], *(_cell(value) for value in (asked, values["required"], values["observed"])), met]


def _cell(value: Any) -> str:
    return plain("–" if value is None else f"{value:.1%}" if isinstance(value, float) else str(value))
