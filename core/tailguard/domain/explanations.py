"""Notes, reasons and plans: what people write for whoever reads the log later has to say something."""

from __future__ import annotations

from tailguard.errors import InputError

REASON_LETTERS = 10
"""The fewest letters of what justifies a decision: somebody else judges by it, months later."""
PLAN_LETTERS = 5
"""The fewest letters of what is said in passing: a plan, a ticket that is evidence, the note of a regular review."""


def explanation(text: str, need: str, *, letters: int = REASON_LETTERS) -> str:
    """An explanation that a person gave, without the white space around it.

    Args:
        text: What the person wrote.
        need: What asks for it and what it is called, to begin the message with: `An override needs a reason`.
        letters: The fewest characters that will do, white space around them not counted.

    Raises InputError where there are fewer.
    """
    explained = text.strip()
    if len(explained) < letters:
        raise InputError(f"{need} of at least {letters} letters, found {explained!r}.")
    return explained
