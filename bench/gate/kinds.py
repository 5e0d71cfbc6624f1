"""The kinds of damage that the gate must stop, and the harmless changes that it must let pass, with their shares."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bench.gate import changes as to
from bench.gate.answers import Edit
from bench.gate.changes import chained, in_language, in_share, in_tail, of_text

USABLE_FLOOR = 0.04
"""The smallest share (0 to 1) of unusable answers that is planted: just past the margin of 3 points."""

_OPENING_12 = "Sure! I would be happy to help you with this question today."
_OPENING_25 = (
    "Thank you for reaching out with this request. I have thought about it with care, and here is the best answer I can "
    "give you:"
)
_OPENING_27 = (
    "Hello and welcome! It is a pleasure to assist you with this inquiry, and I hope that the following explanation gives "
    "you everything you were looking for."
)
_OPENING_40 = (
    "Good day! This reply was prepared by our automated writing service, which tries to be accurate, friendly and complete. "
    "Please read the whole message before you decide, because details near the end may well change how you understand the "
    "beginning. Now to your question:"
)
_DISCLAIMER = (
    "Please note: this text is for general information only. It does not replace professional advice. Check important facts "
    "before you rely on them."
)
_CLOSING_12 = "I hope this helps! Let me know if you have other questions."
_CLOSING_25 = (
    "I hope that this was useful to you. Please do not hesitate to ask for more details, further examples or a shorter version "
    "at any time."
)


class Expected(StrEnum):
    """What must become of a change: HARMFUL never passes, HARMLESS is never blocked, OPEN is shown and not counted."""

    HARMFUL = "harmful"
    HARMLESS = "harmless"
    OPEN = "open"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A change at several shares (0 to 1), the full one first. `samples` is the fewest answers per prompt that it needs."""

    name: str
    expected: Expected
    edit: Edit
    shares: tuple[float, ...] = (1.0,)
    marks_tail: bool = False
    samples: int = 1


def halved(full: float, *, floor: float = USABLE_FLOOR) -> tuple[float, ...]:
    """The full share, half of it and so on, and the floor last."""
    shares = []
    while full > 1.3 * floor:
        shares.append(full)
        full /= 2
    return (*shares, floor)


def _harmful(name: str, edit: Edit, *shares: float, marks_tail: bool = False, samples: int = 1) -> Kind:
    return Kind(
        name=name, expected=Expected.HARMFUL, edit=edit, shares=shares or (1.0,), marks_tail=marks_tail, samples=samples
    )


def _harmless(name: str, edit: Edit, share: float = 1.0) -> Kind:
    return Kind(name=name, expected=Expected.HARMLESS, edit=edit, shares=(share,))


def _open(name: str, edit: Edit, *shares: float) -> Kind:
    return Kind(name=name, expected=Expected.OPEN, edit=edit, shares=shares)


HARMFUL = (
    _harmful("tail unanswered", in_tail(to.few_words), 0.5, 0.2, 0.1, marks_tail=True),
    _harmful("tail empty", in_tail(of_text(lambda _: "")), 0.5, 0.2, 0.1, marks_tail=True),
    _harmful("tail refused", in_tail(to.refusal), 0.5, 0.25, 0.1, marks_tail=True),
    _harmful("stops before the first rare word", in_share(of_text(to.stops_before_rare)), 0.3, 0.15),
    _harmful("rare words gone and noise", chained((to.rare_gone, 1.0), (in_share(to.dictionary_noise), None)), *halved(0.15)),
    _harmful("rare words gone", to.rare_gone, 1.0, 0.3, 0.15),
    _harmful("rare words of the tail gone", to.rare_gone_from_tail, 1.0, 0.5, 0.25, marks_tail=True),
    _harmful("rare words strewn", in_share(to.rare_strewn), 1.0, 0.5, 0.25),
    _harmful("refusals, prompt copies and a few words", in_share(to.small_fault), *halved(0.27)),
    _harmful("refusals, prompt copies and a few words, 4 % each", in_share(to.small_fault), 0.12),
    _harmful(
        "neighbours swapped and a few words",
        chained((in_share(of_text(to.neighbours_swapped)), None), (in_share(to.few_words), None)), *halved(0.06, floor=0.03),
    ),
    _harmful("refusals", in_share(to.refusal), *halved(0.2)),
    _harmful("prompt copied", in_share(to.prompt_copy), *halved(0.2)),
    _harmful("empty answers", in_share(of_text(lambda _: "")), *halved(0.3)),
    _harmful("a few words", in_share(to.few_words), *halved(0.2)),
    _harmful("constant answer", in_share(to.constant), 1.0, 0.5, *halved(0.2)),
    _harmful("vague templates", in_share(to.vague), *halved(0.12)),
    _harmful("copies of five answers", to.copies_of_five, *halved(0.3)),
    _harmful("loops", in_share(of_text(to.loop)), *halved(0.2)),
    _harmful("loops of two sentences", in_share(of_text(to.loop_of_two)), *halved(0.08)),
    _harmful("endless loops", in_share(of_text(to.endless_loop)), *halved(0.1)),
    _harmful("half loops", in_share(of_text(to.half_loop)), *halved(0.2)),
    _harmful("words shuffled", in_share(to.shuffled), 1.0, 0.5, 0.25, 0.12, 0.06, 0.04),
    _harmful("words reversed", in_share(of_text(to.reversed_words)), *halved(0.1)),
    _harmful("neighbours swapped", in_share(of_text(to.neighbours_swapped)), *halved(0.2)),
    _harmful("telegram style", in_share(of_text(to.telegram)), 1.0, 0.5, 0.2),
    _harmful("noise from the dictionary", in_share(to.dictionary_noise), *halved(0.15)),
    _harmful("noise from the answers' own words", in_share(to.own_noise), *halved(0.15)),
    _harmful("Indonesian", in_share(in_language("id", 1.0)), 0.5, *halved(0.25)),
    _harmful("half of an answer Indonesian", in_share(in_language("id", 0.5)), 0.5, *halved(0.25)),
    _harmful("German", in_share(in_language("de", 1.0)), 0.5, *halved(0.2)),
    _harmful("every second sentence gone", in_share(of_text(to.every_second_sentence)), 1.0, 0.5),
    _harmful("cut to 75 %", in_share(of_text(to.shortened(0.75))), 1.0),
    _harmful("cut to half", in_share(of_text(to.shortened(0.5))), 1.0, 0.5),
    _harmful("cut to a tenth", in_share(of_text(to.shortened(0.1))), 0.5, 0.25, 0.125),
    _harmful("answers swapped at random", to.swapped, *halved(0.2, floor=0.05)),
    _harmful("answers swapped among like prompts", to.swapped_among_like, *halved(0.2, floor=0.1)),
    _harmful("one sample repeated", to.one_sample_repeated, 1.0, 0.5, 0.25, 0.12, samples=2),
)  # fmt: skip

OPEN = (
    _open("rare words gone, a tenth", to.rare_gone, 0.1),
    _open("cut to a tenth, few", in_share(of_text(to.shortened(0.1))), 0.06),
)

HARMLESS = (
    _harmless("nothing", to.unchanged),
    _harmless("other order", to.other_order),
    _harmless("double spaces", in_share(of_text(to.double_spaces))),
    _harmless("curly quotes", in_share(of_text(to.curly))),
    _harmless("NFD", in_share(of_text(to.decomposed))),
    _harmless("soft hyphens", in_share(of_text(to.soft_hyphens))),
    _harmless("no-break spaces", in_share(of_text(lambda text: text.replace(" ", "\u00a0")))),
    _harmless("bullets", in_share(of_text(to.bullets))),
    _harmless("bold first words", in_share(of_text(to.bold_first_words))),
    _harmless("opening of 12 words", in_share(to.opened(_OPENING_12))),
    _harmless("opening of 12 words, half of the answers", in_share(to.opened(_OPENING_12)), 0.5),
    _harmless("opening of 25 words", in_share(to.opened(_OPENING_25))),
    _harmless("opening of 27 words", in_share(to.opened(_OPENING_27))),
    _harmless("opening of 40 words", in_share(to.opened(_OPENING_40))),
    _harmless("two openings", in_share(to.opened(_OPENING_12, _OPENING_25))),
    _harmless("disclaimer ahead", in_share(to.opened(_DISCLAIMER))),
    _harmless("disclaimer after", in_share(to.closed(_DISCLAIMER))),
    _harmless("closing of 12 words", in_share(to.closed(_CLOSING_12))),
    _harmless("closing of 25 words", in_share(to.closed(_CLOSING_25))),
    _harmless("opening and closing", chained((in_share(to.opened(_OPENING_27)), None), (in_share(to.closed(_CLOSING_25)), None))),
    _harmless("refusals, 2 %", in_share(to.refusal), 0.02),
)  # fmt: skip

KINDS = {kind.name: kind for kind in (*HARMFUL, *OPEN, *HARMLESS)}
