"""Can two sets of answers be compared at all? And what a reader has to know before trusting the comparison."""

from __future__ import annotations

from tailguard.diversity.boilerplate import Boilerplate
from tailguard.diversity.decision import Limits
from tailguard.diversity.outputs import Outputs
from tailguard.diversity.sides import Side
from tailguard.domain.verdict import Guard
from tailguard.domain.wording import counted

_MAX_UNANSWERED = 0.01
_MAX_UNUSABLE = 1 / 3
_BOILERPLATE_WORDS = 12


def guards(candidate: Side, reference: Side, limits: Limits) -> list[Guard]:
    """What has to be the same on both sides, that the reference has something to lose, and that slices which gate were asked."""
    ours, theirs = candidate.judged.outputs, reference.judged.outputs
    found = [_same_samples(ours, theirs)]
    if ours.suite or theirs.suite:
        found.insert(0, Guard("same suite", theirs.suite, ours.suite, ours.suite == theirs.suite))
    if ours.decoding and theirs.decoding:
        found.insert(0, Guard("same decoding", theirs.decoding, ours.decoding, ours.decoding == theirs.decoding))
    found.append(_to_lose("something to lose", 1 - float(reference.usable.mean())))
    return found + [_slice_to_lose(name, reference) for name in limits.slices]


def _slice_to_lose(name: str, reference: Side) -> Guard:
    """Whether a slice that gates was asked, and the reference has something to lose there."""
    inside = reference.judged.outputs.slice_of == name
    if not inside.any():
        return Guard(f"prompts in {name}", "at least 1, as the slice gates", "0", False)
    return _to_lose(f"something to lose in {name}", 1 - float(reference.usable[inside].mean()))


def _to_lose(name: str, unusable: float) -> Guard:
    required = f"at most {_MAX_UNUSABLE:.0%} of the reference's answers unusable"
    return Guard(name, required, f"{unusable:.0%} unusable", unusable <= _MAX_UNUSABLE)


def _same_samples(candidate: Outputs, reference: Outputs) -> Guard:
    shape = [sorted({len(samples) for samples in side.answers.values()}) for side in (reference, candidate)]
    required, observed = (
        " to ".join(map(str, dict.fromkeys((counts[0], counts[-1])))) if counts else "none" for counts in shape
    )
    return Guard("same samples per prompt", required, observed, len(shape[0]) == 1 and shape[0] == shape[1])


def same_prompts(candidate: Outputs, reference: Outputs, limits: Limits) -> list[Guard]:
    """Whether the candidate answered the reference's prompts, tail prompts, slices that gate and checked items."""
    unanswered = frozenset(reference.answers) - frozenset(candidate.answers)
    total = len(reference.answers)
    observed = f"{len(unanswered)} of {total} not answered" if unanswered else f"all {total} answered"
    held = total > 0 and len(unanswered) <= _MAX_UNANSWERED * total
    guards = [Guard("same prompts", f"at most {_MAX_UNANSWERED:.0%} of the reference's not answered", observed, held)]
    other = sum(
        candidate.prompts[prompt] != text for prompt, text in reference.prompts.items() if prompt in candidate.prompts
    )
    if other:
        observed = f"{other} ids with another text"
        guards[0] = Guard("same prompts", "the same text under each prompt id", observed, False)
    tail = reference.tail | candidate.tail
    if tail & unanswered and len(tail) < total:
        guards.append(Guard("tail prompts", "every one answered", f"{len(tail & unanswered)} not answered", False))
    gating = {prompt for prompt in unanswered if reference.slices.get(prompt) in limits.slices}
    if gating:
        guards.append(Guard("slices that gate", "every prompt answered", f"{len(gating)} not answered", False))
    if reference.scores:
        unscored = len(frozenset(reference.scores) - frozenset(candidate.scores) - unanswered)
        observed = f"{unscored} of them without" if unscored else "all"
        guards.append(
            Guard("same items scored", f"the {len(reference.scores)} of the reference", observed, not unscored)
        )
    return guards


def notes(candidate: Side, reference: Side, left_out: int, samples: int, without_order: float) -> tuple[str, ...]:
    """Sentences for the reader; `without_order` is the share of the candidate's answers whose word order nobody could judge."""
    ours, theirs = candidate.judged.outputs, reference.judged.outputs
    sentences = []
    if left_out:
        only = counted(left_out, "prompt that only one side answered was", "prompts that only one side answered were")
        sentences.append(f"{only} left out")
    for side, whose in ((candidate, "the candidate's"), (reference, "the reference's")):
        sentences += [_boilerplate(part, whose) for part in side.judged.body.boilerplate]
    if without_order >= 0.005:
        few = "the reference has too few words in their language, or none in a clear order"
        sentences.append(f"the word order of {without_order:.0%} of the candidate's answers was not judged: {few}")
    if samples == 1:
        sentences.append("one answer a prompt says nothing of variety within a prompt: four or more are wanted")
    if not ours.decoding or not theirs.decoding:
        sentences.append("how the answers were drawn is not stated, so equal decoding was not checked")
    if ours.answers == theirs.answers:
        sentences.append("both files hold the same answers, word for word: is this the right file?")
    elif theirs.distinct_share < 0.5:
        share = f"only {theirs.distinct_share:.0%} of the reference's own answers differ from each other"
        sentences.append(f"{share}: there was little to lose")
    return tuple(sentences)


def _boilerplate(part: Boilerplate, whose: str) -> str:
    shown = " ".join(part.words[:_BOILERPLATE_WORDS]) + (" ..." if len(part.words) > _BOILERPLATE_WORDS else "")
    words = counted(len(part.words), "word")
    return f'{part.share:.0%} of {whose} answers {part.end} with the same {words}, which were excluded: "{shown}"'
