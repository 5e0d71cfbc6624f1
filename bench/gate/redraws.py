"""Comparisons of real answers whose truth is known: chance decides which side gave which of the two answers to a prompt.

Then nothing differs, the truth of every measure is 0, and an unchanged model should pass. With damage planted in one side the
truth is the mean change over all draws: how often the interval holds it, and how often a measure would pass were its margin
exactly the true loss (its size, at most 5 %).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.gate.answers import compared, random_of
from bench.gate.draws import Draw, draw_of
from bench.gate.kinds import KINDS
from bench.gate.pairs import pair_named


@dataclass(frozen=True, kw_only=True)
class Redraw:
    """A pair whose answers change sides, how many of its prompts are drawn each time, and what is planted in the candidate."""

    data: Path
    seed: int
    pair: str
    prompts: int
    times: int
    kind: str = ""
    share: float = 0.0

    @property
    def damaged(self) -> bool:
        """Whether something is planted."""
        return bool(self.kind)

    def __str__(self) -> str:
        planted = f", {self.kind} {self.share:.3g}" if self.kind else ""
        return f"{self.pair}, {self.prompts} prompts x {pair_named(self.pair).samples}{planted}"

    def drawn(self, number: int) -> Draw:
        """Prompts and sides drawn, damaged and compared."""
        parent, candidate = pair_named(self.pair).sides(self.data)
        draw = random_of(self.seed, self.pair, self.prompts, number)
        names = list(dict.fromkeys(parent.ids))
        kept = set(draw.sample(names, min(self.prompts, len(names))))
        positions = [position for position, prompt_id in enumerate(parent.ids) if prompt_id in kept]
        sides = parent.reordered(positions), candidate.reordered(positions)
        either = [draw.sample(texts, 2) for texts in zip(sides[0].texts, sides[1].texts, strict=True)]
        parent, candidate = (side.with_texts([texts[at] for texts in either]) for at, side in enumerate(sides))
        if self.kind:
            candidate = KINDS[self.kind].edit(candidate, self.share, draw)
        return draw_of(compared(parent, candidate))


def null(data: Path, *, seed: int) -> list[Redraw]:
    """Nothing differs."""
    return [
        Redraw(data=data, seed=seed, pair=pair, prompts=prompts, times=times)
        for pair, prompts, times in (
            ("vicuna", 805, 200), ("llama", 805, 100), ("mistral", 400, 200), ("vicuna", 200, 200),
            ("four-others", 200, 100), ("vicuna", 50, 200),
        )
    ]  # fmt: skip


def power(data: Path, *, seed: int) -> list[Redraw]:
    """Losses at the margins and about twice as large."""
    single = [
        Redraw(data=data, seed=seed, pair="vicuna", prompts=prompts, times=100, kind=kind, share=share)
        for prompts in (805, 200)
        for kind, share in (
            ("empty answers", 0.03), ("empty answers", 0.06), ("a few words", 0.06), ("loops", 0.06),
            ("copies of five answers", 0.06), ("rare words gone", 0.08), ("rare words gone", 0.15), ("rare words gone", 0.3),
            ("rare words strewn", 0.15), ("cut to half", 0.5),
        )
    ]  # fmt: skip
    within = [
        Redraw(data=data, seed=seed, pair="four-others", prompts=200, times=60, kind="one sample repeated", share=share)
        for share in (0.05, 0.15)
    ]
    return single + within
