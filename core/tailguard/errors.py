"""What can go wrong, by what the caller would do about it. The command line turns each class into one exit code."""

from __future__ import annotations


class TailguardError(Exception):
    """The tool failed for a reason that is not the user's input (exit code 2)."""

    exit_code = 2


class InputError(TailguardError):
    """What the user gave cannot be used: a file, a record, a policy, a name. Fix the input and try again (exit code 1)."""

    exit_code = 1


class NotAllowed(InputError):
    """The actor may not decide this (exit code 1). The attempt is in the log; ask somebody who may."""

    logged = False


class Blocked(TailguardError):
    """A gate said no. Change the data or the model, or ask for an override (exit code 3)."""

    exit_code = 3


class Held(TailguardError):
    """There is not enough evidence, or a person has to decide first (exit code 4)."""

    exit_code = 4


class LogBusy(TailguardError):
    """Another process kept the run log past the time limit. Nothing was written; try again (exit code 2)."""
