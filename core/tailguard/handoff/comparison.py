"""What came of a run's repetition, compared with what the run recorded: every fact, and the versions where one differs."""

from __future__ import annotations

import json
import platform
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from tailguard import __version__
from tailguard.runlog.view import LogView
from tailguard.runlog.views.runs import facts_of_run

_LIBRARIES = ("numpy", "scipy", "scikit-learn", "pyarrow", "numba", "duckdb")
_LEFT_OUT = ("stage_started", "hand_off", "chain_sealed", "tokens_used", "clearance_signed", "records_held", "commit")
"""Facts that hold times, signatures or what a server charged, and those that earlier versions did not record and whose digest is
compared; everything else has to come out the same."""
_SHOWN = 50
"""So many differences are put into words."""
_NAMING = (
    "stage",
    "direction",
    "name",
    "kind",
    "measure",
    "reference_kind",
    "source",
    "origin",
    "reason",
    "moment",
    "slice",
    "strength",
)
"""Two facts of a kind that agree in these are about the same thing."""


@dataclass(frozen=True, kw_only=True)
class Repeated:
    """What came of a replay: how many facts were compared, and each difference in words."""

    run: str
    record: str
    compared: int
    differences: tuple[str, ...]

    @property
    def identical(self) -> bool:
        """Whether everything came out the same."""
        return not self.differences

    @property
    def text(self) -> str:
        """For a person at a terminal."""
        if self.identical:
            return f"{self.run} was repeated: {self.compared:,} facts compared, all digests and measures are the same."
        return "\n".join([f"{self.run}: {len(self.differences)} of {self.compared:,} facts differ.", *self.differences])


def versions(tool: str) -> dict[str, str]:
    """The versions of what a run's figures depend on. `tool` is the Tailguard that made them."""
    installed = {"tailguard": tool, "tailguard of this record": __version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            installed[name] = version(name)
    return installed


def as_json(value: Any) -> Any:
    """A value with its times as text and its tuples as lists, as it comes back from a file."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def comparable_facts(view: LogView, run: str) -> list[list[Any]]:
    """What a run recorded in its own chain, without times and without what can only be of its own day."""
    facts = []
    for kind, row in facts_of_run(view, run):
        values = as_json(asdict(row.fact))
        if kind in _LEFT_OUT or values.get("kind") == "handoffs":
            continue
        values.pop("started", None)
        if kind == "stage_result" and values["stage"] == "handoff":
            values.pop("output"), values.pop("records_out")
        facts.append([kind, values])
    return facts


def compared(record: dict[str, Any], facts: list[list[Any]], digest: str) -> Repeated:
    """The facts of a repetition, held against those of a record's content. `digest` names the record."""
    before, now = Counter(map(_line, record["facts"])), Counter(map(_line, facts))
    missing, new = before - now, now - before
    differences = _changed_facts(missing, new)
    if differences:
        differences += _changed_versions(record["versions"])
    if len(missing) > _SHOWN:
        differences.append(f"... and {missing.total() - _SHOWN} more")
    differences += [f"only in the replay: {line[:200]}" for line in list(new.elements())[:5] if not missing]
    return Repeated(run=record["run"], record=digest, compared=len(record["facts"]), differences=tuple(differences))


def _changed_facts(missing: Counter[str], new: Counter[str]) -> list[str]:
    """The first facts that did not come out again, each with the one that came instead."""
    differences = []
    for line in list(missing.elements())[:_SHOWN]:
        kind, values = json.loads(line)
        partner = next((fact for fact in map(json.loads, new) if _same_thing(fact, kind, values)), None)
        differences.append(_difference(kind, values, partner[1] if partner else None))
    return differences


def _changed_versions(before: dict[str, str]) -> list[str]:
    now = versions(__version__)
    return [
        f"versions: {name} {was}, now {now.get(name)}"
        for name, was in before.items()
        if now.get(name) not in (was, None)
    ]


def _line(fact: list[Any]) -> str:
    return json.dumps(fact, sort_keys=True)


def _same_thing(other: list[Any], kind: str, values: dict[str, Any]) -> bool:
    return other[0] == kind and all(other[1].get(key) == values.get(key) for key in _NAMING)


def _difference(kind: str, was: dict[str, Any], now: dict[str, Any] | None) -> str:
    what = " ".join(str(was[key]) for key in _NAMING if was.get(key) not in (None, ""))
    if now is None:
        return f"{kind} {what[:120]}: missing in the replay"
    changed = [f"{key} {str(was[key])[:40]}, now {str(now.get(key))[:40]}" for key in was if was[key] != now.get(key)]
    return f"{kind} {what[:120]}: {'; '.join(changed)}"
