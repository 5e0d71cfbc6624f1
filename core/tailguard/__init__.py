"""Tailguard keeps models from collapsing on their own output.

A tour:

- `domain` holds the values and pure rules, `ports` what outsiders may bring.
- `stages` do the work: intake, score, compose, train, evaluate, gate, handoff; `pipeline` shows them in order.
- `desk` answers people and training jobs: clearance, overrides, shipping, reviews, anchor, meetings.
- `diversity`, `detection`, `quality` and `mixing` are the science; `adapters` the readers and trainers behind the ports.
- `store` keeps contents under their digests, `runlog` remembers every fact in hash chains; `workspace` joins them.
- `cli` and the dashboard (`app.py`, `pages/`) are what people see; `demo` runs it all on real text.

`tailguard.detect(texts)`, `tailguard.compare(parent, candidate)` and `tailguard.diversity` need none of that;
`tailguard.require_clearance(path)` is the first line of a training script.
Importing this package loads nothing heavy.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from tailguard.desk.comparing import Answers
    from tailguard.desk.signing import Signed
    from tailguard.detection.report import Detection
    from tailguard.diversity.report import Report

__version__ = "0.1.0"


def detect(texts: "Sequence[str]", *, error_rate: float = 0.01) -> "Detection":
    """Say of each text whether it is human, model-made, mixed or unknown; see `detection.report.detect`."""
    from tailguard.detection import report

    return report.detect(texts, error_rate=error_rate)


def compare(
    parent: "Answers",
    candidate: "Answers",
    *,
    suite: "str | os.PathLike[str] | None" = None,
    margin: float | None = None,
    seed: int = 0,
) -> "Report":
    """Say whether a candidate lost diversity against its parent, from what both answered; see `desk.comparing.compare`."""
    from tailguard.desk import comparing

    return comparing.compare(parent, candidate, suite=suite, margin=margin, seed=seed)


def require_clearance(
    training_file: "str | os.PathLike[str]",
    *,
    clearance: "str | os.PathLike[str] | None" = None,
    public_key: "str | os.PathLike[str] | None" = None,
) -> "Signed":
    """Go on only if `training_file` is a training set that was cleared; returns what the signed statement says of it.

    `clearance` is the statement that `tailguard check` wrote (default: TAILGUARD_CLEARANCE, else the file's name with
    `.clearance.json`), `public_key` the PEM file that `tailguard key` prints (default: TAILGUARD_PUBLIC_KEY). Needs no
    workspace and no network. Raises tailguard.errors.Blocked where training must not start, InputError for what is missing.
    """
    from tailguard.desk.requiring import require

    return require(training_file, clearance=clearance, public_key=public_key)
