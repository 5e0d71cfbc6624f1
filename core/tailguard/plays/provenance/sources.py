"""Contracts with the sources of data, and the quality owner's signature under them."""

from __future__ import annotations

from datetime import datetime

from tailguard.domain.facts import SourceContract, SourceSignedOff
from tailguard.domain.roles import Right
from tailguard.domain.sources import Contract
from tailguard.domain.tags import Origin
from tailguard.domain.wording import by
from tailguard.errors import InputError
from tailguard.runlog.views.sources import contracts
from tailguard.workspace import Workspace


def declare(
    workspace: Workspace, source: str, *, owner: str, licence: str, declared: str, since: datetime, note: str
) -> None:
    """Record what is agreed about a source. A new contract replaces the old one and needs a new signature.

    Raises InputError for an empty field, an unknown origin, and for a person who is neither data lead nor quality owner.
    """
    with workspace.deciding(Right.CONTRACT) as tx:
        for name, value in (("source", source), ("owner", owner), ("licence", licence)):
            if not value.strip():
                raise InputError(f"A contract needs a {name}.")
        if declared not in (Origin.HUMAN, Origin.AI, Origin.MIXED):
            raise InputError(f"A source declares human, ai or mixed, found {declared!r}.")
        tx.record(
            SourceContract(
                source=source,
                owner=owner.strip(),
                licence=licence.strip(),
                declared=declared,
                since=since,
                note=note.strip(),
            )
        )


def sign(workspace: Workspace, source: str, *, note: str, signed: bool = True) -> None:
    """Sign a source's contract as quality owner, or take the signature back.

    Raises InputError without a contract, and for anybody else.
    """
    with workspace.deciding(Right.SIGN) as tx:
        contract = contracts(tx.view).get(source)
        if contract is None:
            raise InputError(
                f"There is no contract with {source!r}. Declare it first: `tailguard source declare {source} ...`."
            )
        if signed and contract.signed_by and contract.signed:
            raise InputError(f"The contract with {source} was signed {by(contract.signed_by, contract.signed)}.")
        tx.record(SourceSignedOff(source=source, contract=contract.row, signed=signed, note=note.strip()))


def current(workspace: Workspace) -> dict[str, Contract]:
    """The contract in force of each source."""
    if not workspace.log.exists():
        return {}
    with workspace.log.reading() as view:
        return contracts(view)
