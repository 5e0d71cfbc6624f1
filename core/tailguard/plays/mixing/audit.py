"""The second role: a data lead reviews a run's training set and signs, or refuses to."""

from __future__ import annotations

from tailguard.domain.facts import Fact, MixingAudited, RunStarted
from tailguard.domain.roles import Right
from tailguard.errors import InputError, NotAllowed
from tailguard.runlog.connection import Connection
from tailguard.runlog.queries import composition_of, recorded
from tailguard.workspace import Workspace, decision

SHORTEST_NOTE = 10


@decision(Right.AUDIT)
def audit(workspace: Workspace, run: str, *, signed: bool, note: str) -> None:
    """Sign a run's training set as data lead, or refuse to, with a note.

    Raises InputError for anybody else, for the person who started the run, without a composition, and without a note.
    """
    if len(note.strip()) < SHORTEST_NOTE:
        raise InputError(f"An audit needs a note of at least {SHORTEST_NOTE} letters: what was looked at.")

    def record(connection: Connection) -> list[Fact]:
        made = composition_of(connection, run)
        if made is None:
            raise InputError(f"{run} has no training set. `tailguard status` lists the runs.")
        started = recorded(connection, RunStarted, run=run)
        if started and started[0].actor == workspace.actor:
            raise NotAllowed(f"{workspace.actor} started {run} and cannot audit it. Ask another data lead.")
        return [MixingAudited(run, made.fact.snapshot, signed, note.strip())]

    workspace.desk.decide(record)
