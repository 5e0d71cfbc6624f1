"""Two runs side by side: what each was made of and what came of it, in words."""

from __future__ import annotations

from dataclasses import dataclass

from tailguard.domain.facts import Measurement, RunStarted
from tailguard.errors import InputError
from tailguard.plays.lineages import generation
from tailguard.runlog.view import LogView

_SHOWN_DIGITS = 16
_UNKNOWN = "–"


@dataclass(frozen=True, kw_only=True)
class RunFact:
    """One fact of two runs, as a person reads it."""

    what: str
    first: str
    second: str

    @property
    def differs(self) -> bool:
        """Whether it is not the same of both."""
        return self.first != self.second


def side_by_side(view: LogView, run: str, other: str) -> list[RunFact]:
    """What two runs were made of and came to. Raises InputError for a run that is not in the log."""
    first, second = _described(view, run), _described(view, other)
    return [
        RunFact(what=what, first=first.get(what, _UNKNOWN), second=second.get(what, _UNKNOWN))
        for what in dict.fromkeys([*first, *second])
    ]


def _described(view: LogView, run: str) -> dict[str, str]:
    status, started = generation(view, run), view.newest(RunStarted, run=run)
    if status is None or started is None:
        raise InputError(f"There is no run {run}.")
    return {
        "begun": f"{status.started:%d %b %Y}",
        "parent": status.parent or "none",
        "mode": started.fact.mode,
        "verdict": status.verdict or "none yet",
        "reason": status.reason or _UNKNOWN,
        "shipping": status.shipping,
        "records": f"{status.records:,}" if status.records is not None else _UNKNOWN,
        "synthetic ratio, records": _percent(status.ratio_records),
        "synthetic ratio, tokens": _percent(status.ratio_tokens),
        "ceiling": _percent(status.ceiling),
        "coverage": _percent(status.coverage.share if status.coverage else None),
        **{row.fact.measure.label: f"{row.fact.value:,.4g}" for row in view.recorded(Measurement, run=run)},
        "overrides used": ", ".join(status.overrides_used) or "none",
        "policy": started.fact.policy[:_SHOWN_DIGITS],
        "seed": str(started.fact.seed),
        "Tailguard": started.fact.tool_version,
        "training set": (status.snapshot or _UNKNOWN)[:_SHOWN_DIGITS],
        "answers": (status.outputs or _UNKNOWN)[:_SHOWN_DIGITS],
    }


def _percent(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:.1%}"
