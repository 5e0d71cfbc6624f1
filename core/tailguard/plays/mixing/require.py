"""What a training job asks before it starts, with nothing but three files: the training set, its clearance, the public key."""

from __future__ import annotations

import os
from pathlib import Path

from tailguard.clock import SystemClock
from tailguard.errors import InputError
from tailguard.plays.mixing.statement import Signed, verify
from tailguard.ports import Clock

CLEARANCE, PUBLIC_KEY = "TAILGUARD_CLEARANCE", "TAILGUARD_PUBLIC_KEY"
SYSTEM_CLOCK = SystemClock()

AnyPath = str | os.PathLike[str]


def require_clearance(
    training_file: AnyPath, *, clearance: AnyPath | None = None, public_key: AnyPath | None = None
) -> Signed:
    """Go on only if this file is a training set that was cleared. Needs no workspace and no network.

    Args:
        training_file: The JSONL file that training is about to read.
        clearance: The statement that `tailguard check --out` wrote. Default: TAILGUARD_CLEARANCE, else the training file's
            name with `.clearance.json`.
        public_key: The PEM file that `tailguard key` prints. Default: TAILGUARD_PUBLIC_KEY.

    Returns:
        What the signed statement says of the set: its run, its ratios (0 to 1), the gate's verdict, until when it holds.

    Raises:
        Blocked: Training must not start: the file or the statement was changed, was signed by somebody else, or has expired.
        InputError: A file is missing or is not what it should be.

    Example:
        >>> cleared = tailguard.require_clearance("training.jsonl", public_key="clearance.pub")
        >>> cleared.run, cleared.gate, cleared.ceiling
        ('main/3', 'PASS', 0.3)
    """
    return require(training_file, clearance=clearance, public_key=public_key, clock=SYSTEM_CLOCK)


def require(
    training_file: AnyPath,
    *,
    clearance: AnyPath | None = None,
    public_key: AnyPath | None = None,
    clock: Clock,
) -> Signed:
    """`require_clearance` by any clock."""
    file = Path(training_file)
    statement = clearance or os.environ.get(CLEARANCE) or f"{file}.clearance.json"
    key = public_key or os.environ.get(PUBLIC_KEY)
    if not key:
        raise InputError(
            "No public key is named. `tailguard key` prints it; put the path of that PEM file into "
            f"{PUBLIC_KEY}, or name it in the call."
        )
    return verify(
        read_file(statement, "clearance", "`tailguard check --out FILE` writes it."),
        public_key=read_file(key, "public key", "`tailguard key` prints it."),
        training_file=file,
        now=clock.now(),
    )


def read_file(path: AnyPath, what: str, hint: str) -> bytes:
    """A file's bytes. Raises InputError that says what it was to be, and where it comes from."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"The {what} {path} cannot be read ({error.strerror}). {hint}") from error
