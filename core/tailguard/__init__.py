"""Tailguard keeps models from collapsing on their own output.

A tour:

- `domain` holds the values and pure rules, `ports` what outsiders may bring.
- `stages` do the work: intake, score, compose, train, evaluate, gate, handoff; `pipeline` shows them in order.
- `desk` answers people and training jobs: clearance, overrides, shipping, reviews, anchor, meetings.
- `diversity`, `detection`, `quality` and `mixing` are the science; `adapters` the readers and trainers behind the ports.
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
    from tailguard.desk.comparing import compare
    from tailguard.desk.requiring import require_clearance
    from tailguard.desk.signing import Signed
    from tailguard.detection.report import Detection, detect
    from tailguard.diversity.report import Report
else:
    __getattr__ = names_from(
        __name__,
        {
            "tailguard.desk.comparing": ("compare",),
            "tailguard.desk.requiring": ("require_clearance",),
            "tailguard.desk.signing": ("Signed",),
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
