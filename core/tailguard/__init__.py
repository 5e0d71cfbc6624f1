"""Tailguard keeps models from collapsing on their own output.

A tour:

- `domain` holds the values and pure rules, `ports` what outsiders may bring.
- `stages` do the work: intake, score, compose, train, evaluate, gate, handoff; `pipeline` shows them in order.
- `desk` answers people and training jobs: clearance, overrides, shipping, reviews, freezing.
- `diversity` and `detection` are the science; `adapters` the readers and trainers behind the ports.
- `store` keeps contents under their digests, `runlog` remembers every fact in hash chains; `workspace` joins them.
- `cli` and the dashboard (`app.py`, `pages/`) are what people see; `demo` runs it all on real text.

`tailguard.detect(texts)` needs none of that. Importing this package loads nothing heavy.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tailguard.detection.report import Detection

__version__ = "0.1.0"


def detect(texts: "Sequence[str]", *, error_rate: float = 0.01) -> "Detection":
    """Say of each text whether it is human, model-made, mixed or unknown; see `detection.report.detect`."""
    from tailguard.detection import report

    return report.detect(texts, error_rate=error_rate)
