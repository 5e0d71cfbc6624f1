"""The kinds of damage that a gate plants in a candidate's own answers, to see that it still finds them."""

from __future__ import annotations

from enum import StrEnum


class Damage(StrEnum):
    """What is planted. Harmless changes, and nothing at all, must not be blocked.

    NONE: the candidate's second sample beside its first (A/A).
    RARE_WORDS_LOST: a share of the rare terms is gone from every answer; common words stand in their place.
    TAIL_UNANSWERED: a share of the tail prompts is answered with one word.
    LOOPS: a share of the answers repeats its beginning, at the same length.
    NOISE: a share of the answers is random words of all answers, at the same length.
    COPIES: a share of the answers is an answer to one of a few other prompts.
    REFUSALS: a share of the answers declines, in English.
    OPENING: a fixed sentence stands ahead of a share of the answers. Harmless.
    TYPOGRAPHY: curly apostrophes, decomposed accents and double spaces in a share of the answers. Harmless.
    """

    NONE = "none"
    RARE_WORDS_LOST = "rare_words_lost"
    TAIL_UNANSWERED = "tail_unanswered"
    LOOPS = "loops"
    NOISE = "noise"
    COPIES = "copies"
    REFUSALS = "refusals"
    OPENING = "opening"
    TYPOGRAPHY = "typography"

    @property
    def label(self) -> str:
        """What people call it."""
        return _LABELS[self]

    @property
    def harmless(self) -> bool:
        """Whether the gate must let it through."""
        return self in (Damage.NONE, Damage.OPENING, Damage.TYPOGRAPHY)


_LABELS = {
    Damage.NONE: "the same model, drawn again (A/A)",
    Damage.RARE_WORDS_LOST: "rare words lost",
    Damage.TAIL_UNANSWERED: "tail prompts unanswered",
    Damage.LOOPS: "looping answers",
    Damage.NOISE: "answers of random words",
    Damage.COPIES: "answers copied from other prompts",
    Damage.REFUSALS: "refusals",
    Damage.OPENING: "a fixed opening",
    Damage.TYPOGRAPHY: "other typography",
}
