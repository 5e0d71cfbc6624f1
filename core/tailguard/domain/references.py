"""What a candidate is compared with, and what its gate says where that proves nothing: the rule of references in one place."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tailguard.domain.shipping import State
from tailguard.domain.verdict import Guard, Verdict

_SHOWN = 3
_SUSPECT = (State.FROZEN, State.ROLLED_BACK)


class ReferenceKind(StrEnum):
    """Why a generation is a reference of a candidate. Lost and gained cases are shown against the first kind that there is."""

    PARENT = "parent"
    PRODUCTION = "production"
    BEST = "best"
    FIRST = "first"


@dataclass(frozen=True, kw_only=True)
class Predecessor:
    """A generation of the candidate's lineage that was trained before it, or that is in production while its gate runs.

    Args:
        run: The generation's name.
        state: Its shipping state now.
        verdict: The newest verdict of its diversity gate; None where that has not ruled.
        in_production: Whether it is the one in production, frozen or not.
        comparable: Whether it answered the candidate's suite with the candidate's decoding; None where it answered no suite.
        richness: What `best` is told by, larger is better; None where it was not measured.
    """

    run: str
    state: State
    verdict: Verdict | None
    in_production: bool
    comparable: bool | None
    richness: float | None


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """A gate's verdict and the sentence that explains it, without its full stop."""

    verdict: Verdict
    reason: str


def trained_before(generation: str, trained: Sequence[str]) -> Sequence[str]:
    """Of a lineage's generations in the order of their training, those ahead of `generation`: its predecessors."""
    return trained[: trained.index(generation)] if generation in trained else trained


def references(predecessors: Sequence[Predecessor]) -> dict[ReferenceKind, Predecessor]:
    """The generations that a candidate is compared with, by kind, the parent first; the worst comparison decides.

    Of the predecessors (oldest first) whose gate has ruled and did not block them, that answered the candidate's suite in the
    candidate's way, whatever their shipping state: the newest is its parent, the richest the best, the oldest the first. So a
    generation that was never shipped, or was frozen since, still counts, and small losses cannot add up. The one in production
    is a reference whatever its gate said: it is what the candidate would replace.

    What keeps a candidate from passing against something poor:

    - A generation that was blocked, or whose gate has not ruled, is no reference, unless it is in production.
    - One that was NOT COMPARABLE is none until somebody ships it under an override: nothing is known of it.
    - A comparison passes a candidate only if one of its references is `sound`. Where none of them is and another predecessor
      is, the newest of those becomes the parent.
    - Answers to another suite, or drawn in another way, are compared only where there are no others, or as production's: the
      verdict is then NOT COMPARABLE, so that whoever changes the suite has to decide once.
    """
    answered = [other for other in predecessors if other.comparable is not None]
    judged = [other for other in answered if other.verdict not in (None, Verdict.BLOCK)]
    alike = [other for other in judged if other.comparable and _is_known(other)]
    chosen: dict[ReferenceKind, Predecessor] = {}
    if judged:
        chosen[ReferenceKind.PARENT] = (alike or judged)[-1]
    if production := [other for other in answered if other.in_production]:
        chosen[ReferenceKind.PRODUCTION] = production[0]
    measured = [other for other in alike if other.richness is not None]
    if measured:
        chosen[ReferenceKind.BEST] = max(measured, key=lambda other: other.richness or 0.0)
    if alike:
        chosen[ReferenceKind.FIRST] = alike[0]
    proven = [other for other in alike if sound(other)]
    if proven and not any(map(sound, chosen.values())):
        chosen[ReferenceKind.PARENT] = proven[-1]
    return chosen


def _is_known(other: Predecessor) -> bool:
    """Whether anything is known of its answers: its gate could compare them, or somebody shipped it all the same."""
    return other.verdict is not Verdict.NOT_COMPARABLE or other.state is State.SHIPPED


def sound(other: Predecessor) -> bool:
    """Whether "no loss against it" proves anything of a candidate.

    It answered the same suite in the same way; its gate passed it, found it fit to be a baseline, or somebody with the right to
    do so shipped it, though its gate could not tell; and nobody has frozen it or rolled it back: what is suspect can show a
    loss, and vouches for nobody. By induction a PASS goes back to a baseline, or to a person's decision.
    """
    if not other.comparable or other.verdict in (None, Verdict.BLOCK) or other.state in _SUSPECT:
        return False
    return other.verdict.ships or other.state is State.SHIPPED


def reference_name(kind: ReferenceKind, run: str) -> str:
    """A reference in a sentence: `its parent main/3`, `main/2 (in production)`."""
    words = {ReferenceKind.PRODUCTION: "in production", ReferenceKind.BEST: "best so far", ReferenceKind.FIRST: "first"}
    return f"its parent {run}" if kind is ReferenceKind.PARENT else f"{run} ({words[kind]})"


def compared(ruling: Ruling, against: Collection[str], predecessors: Sequence[Predecessor]) -> Ruling:
    """The ruling on a candidate that was compared with the generations `against`: INCONCLUSIVE where no loss is shown and no
    reference is sound."""
    used = [other for other in predecessors if other.run in against]
    if not ruling.verdict.ships or any(map(sound, used)):
        return ruling
    why = "; ".join(f"{other.run} {_why_unsound(other)}" for other in used)
    return Ruling(
        verdict=Verdict.INCONCLUSIVE,
        reason=f"{ruling.reason}. That proves nothing: {why}. {_what_helps(used)}",
    )


def uncompared(predecessors: Sequence[Predecessor], floors: Sequence[Guard]) -> Ruling:
    """The ruling on a candidate that has no reference: BASELINE for the first generation, INCONCLUSIVE for any other; BLOCK for
    either where its answers miss an absolute floor.

    The first is the one that nothing was trained before, which is number 0 unless earlier runs stopped ahead of training. A
    number 0 that was resumed after a later run had trained has predecessors like any other.
    """
    missed = [floor for floor in floors if not floor.met]
    if missed:
        why = "; ".join(f"{floor.name}: {floor.observed}, required {floor.required}" for floor in missed)
        return Ruling(verdict=Verdict.BLOCK, reason=f"its answers miss what any generation has to meet: {why}")
    if not predecessors:
        return Ruling(
            verdict=Verdict.BASELINE,
            reason="first generation of its lineage, and its answers are fit to be the baseline of later ones "
            f"({'; '.join(f'{floor.name}: {floor.observed}' for floor in floors)})",
        )
    newest = predecessors[-_SHOWN:]
    more = f" and {len(predecessors) - _SHOWN} earlier" if len(predecessors) > _SHOWN else ""
    why = ", ".join(f"{other.run} {_why_no_reference(other)}" for other in newest)
    return Ruling(
        verdict=Verdict.INCONCLUSIVE,
        reason=f"compared with no earlier generation: {why}{more}. {_what_helps(newest)}",
    )


def _why_no_reference(other: Predecessor) -> str:
    if other.comparable is None:
        return "has not answered the suite"
    return "was blocked" if other.verdict is Verdict.BLOCK else "has no verdict"


def _why_unsound(other: Predecessor) -> str:
    if other.state in _SUSPECT:
        return "is frozen" if other.state is State.FROZEN else "was rolled back"
    if other.verdict is Verdict.BLOCK:
        return "was blocked"
    return f"was {other.verdict} and was not shipped"


def _what_helps(others: Sequence[Predecessor]) -> str:
    """What a person can do for a candidate that lacks a sound reference."""
    unfinished = [other.run for other in others if other.comparable is None or other.verdict is None]
    suspect = [other.run for other in others if other.state in _SUSPECT and other.verdict is not Verdict.BLOCK]
    helps = []
    if unfinished:
        helps.append(f"finish {unfinished[-1]} (`tailguard run --resume {unfinished[-1]}`) and run again")
    elif suspect:
        helps.append(f"unfreeze {suspect[-1]} if it is sound (`tailguard unfreeze`) and run again")
    helps.append("ask for an override of the diversity gate (`tailguard override request`)")
    text = ", or ".join(helps)
    return text[0].upper() + text[1:]
