"""Tailguard keeps models from collapsing on their own output.

A tour:

- `domain` holds the values and pure rules, `ports` what outsiders may bring, `policy` what a team has set.
- `stages` do the work: intake, score, compose, train, evaluate, gate, handoff; `pipeline` runs them in order.
- `plays` watch, one folder each: provenance, mixing, loops, monitoring, response. What people decide of a play is there too.
- `release` puts generations into production, `overrides` keeps the dated exceptions and their monthly meeting.
- `response` and `handoff` start runs of their own: drills and incidents, and a run repeated by somebody else.
- `reports`, `exports`, `comparison` and `verification` are for reading and checking elsewhere.
- `diversity`, `detection`, `quality` and `composing` are the science; `adapters` the readers and trainers behind the ports.
- `store` keeps contents under their digests, `runlog` remembers every fact in hash chains; `workspace` joins them.
- `cli` and the dashboard (`app.py`, `pages/`) are what people see; `demo` runs it all on real text.

`tailguard.detect(texts)`, `tailguard.compare(parent, candidate)` and `tailguard.diversity` need none of that;
`tailguard.require_clearance(path)` is the first line of a training script; `tailguard.log` reads a run log as data frames.
Importing this package loads nothing heavy: each name loads what it needs when it is first asked for.
"""

from typing import TYPE_CHECKING

from tailguard.errors import Blocked, Held, InputError, LogBusy, NotAllowed, TailguardError
from tailguard.lazy import names_from

if TYPE_CHECKING:
    from tailguard import diversity, log
    from tailguard.comparison.compare import compare
    from tailguard.detection.report import Detection, detect
    from tailguard.diversity.report import Report
    from tailguard.plays.mixing.require import require_clearance
    from tailguard.plays.mixing.statement import Signed
else:
    __getattr__ = names_from(
        __name__,
        {
            "tailguard.comparison.compare": ("compare",),
            "tailguard.plays.mixing.require": ("require_clearance",),
            "tailguard.plays.mixing.statement": ("Signed",),
            "tailguard.detection.report": ("Detection", "detect"),
            "tailguard.diversity.report": ("Report",),
            "tailguard.diversity": (),
            "tailguard.log": (),
        },
    )

__version__ = "0.1.0"

__all__ = [
    "Blocked",
    "Detection",
    "Held",
    "InputError",
    "LogBusy",
    "NotAllowed",
    "Report",
    "Signed",
    "TailguardError",
    "compare",
    "detect",
    "diversity",
    "log",
    "require_clearance",
]


def __dir__() -> list[str]:
    return [*__all__, *globals()]
