"""The second role: a data lead reviews a run's training set and signs, or refuses to."""

from __future__ import annotations

from tailguard.domain.explanations import explanation
from tailguard.domain.facts import MixingAudited, RunStarted
from tailguard.domain.roles import Right
from tailguard.errors import InputError, NotAllowed
from tailguard.runlog.views.runs import composition_of
from tailguard.workspace import Workspace


def audit(workspace: Workspace, run: str, *, signed: bool, note: str) -> None:
    """Sign a run's training set as data lead, or refuse to, with a note.

    Raises InputError for anybody else, for the person who started the run, without a composition, and without a note.
    """
    with workspace.deciding(Right.AUDIT) as tx:
        reviewed = explanation(note, "An audit needs a note (what was reviewed)")
        composition = composition_of(tx.view, run)
        if composition is None:
            raise InputError(f"{run} has no training set. `tailguard status` lists the runs.")
        started = tx.view.recorded(RunStarted, run=run)
        if started and started[0].actor == workspace.actor:
            raise NotAllowed(f"{workspace.actor} started {run} and cannot audit it. Ask another data lead.")
        tx.record(MixingAudited(run=run, snapshot=composition.fact.snapshot, signed=signed, note=reviewed))
