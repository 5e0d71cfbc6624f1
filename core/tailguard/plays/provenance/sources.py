"""Contracts with the sources of data, and the quality owner's signature under them."""

from __future__ import annotations

from datetime import datetime

from tailguard.domain.facts import SourceContract, SourceSignedOff
from tailguard.domain.roles import Right
from tailguard.domain.sources import Contract
from tailguard.domain.tags import Origin
from tailguard.domain.wording import by
from tailguard.errors import InputError
from tailguard.runlog.connection import Connection
from tailguard.runlog.queries import contracts
from tailguard.workspace import Workspace, decision


@decision(Right.CONTRACT)
def declare(
    workspace: Workspace, source: str, *, owner: str, licence: str, declared: str, since: datetime, note: str
) -> None:
    """Record what is agreed about a source. A new contract replaces the old one and needs a new signature.

    Raises InputError for an empty field, an unknown origin, and for a person who is neither data lead nor quality owner.
    """
    for name, value in (("source", source), ("owner", owner), ("licence", licence)):
        if not value.strip():
            raise InputError(f"A contract needs a {name}.")
    if declared not in (Origin.HUMAN, Origin.AI, Origin.MIXED):
        raise InputError(f"A source declares human, ai or mixed, found {declared!r}.")
    workspace.desk.record(SourceContract(source, owner.strip(), licence.strip(), declared, since, note.strip()))


@decision(Right.SIGN)
def sign(workspace: Workspace, source: str, *, note: str, signed: bool = True) -> None:
    """Sign a source's contract as quality owner, or take the signature back.

    Raises InputError without a contract, and for anybody else.
    """

    def put_name(connection: Connection) -> list[SourceSignedOff]:
        found = contracts(connection).get(source)
        if found is None:
            raise InputError(
                f"There is no contract with {source!r}. Declare it first: `tailguard source declare {source} ...`."
            )
        if signed and found.signed_by and found.signed:
            raise InputError(f"The contract with {source} was signed {by(found.signed_by, found.signed)}.")
        return [SourceSignedOff(source, found.row, signed, note.strip())]

    workspace.desk.decide(put_name)


def standing(workspace: Workspace) -> dict[str, Contract]:
    """The contract in force of each source."""
    if not workspace.log.exists():
        return {}
    with workspace.log.reading() as connection:
        return contracts(connection)
