"""What makes an answer unusable, whatever its words: named defects, each with an absolute rule."""

from __future__ import annotations

from enum import StrEnum


class Defect(StrEnum):
    """Why an answer counts as unusable; the first that applies is the one it is counted under."""

    EMPTY = "empty"
    REFUSAL = "refusal"
    PROMPT_COPY = "prompt_copy"
    LOOP = "loop"
    WORD_ORDER = "word_order"
    COPY = "copy"
    OFF_TOPIC = "off_topic"
    LANGUAGE = "language"
    SHORT = "short"

    @property
    def label(self) -> str:
        """What such answers are called."""
        return _LABELS[self]


_LABELS = {
    Defect.EMPTY: "empty answers",
    Defect.REFUSAL: "refusals",
    Defect.PROMPT_COPY: "copies of the prompt",
    Defect.LOOP: "loops",
    Defect.WORD_ORDER: "words without order",
    Defect.COPY: "copies of other answers",
    Defect.OFF_TOPIC: "answers to another question",
    Defect.LANGUAGE: "answers in another language",
    Defect.SHORT: "answers far too short",
}
