"""What a run's gate compares its candidate with, end to end: no way around a comparison leads to a PASS."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from tailguard.cli import run as command
from tailguard.domain.facts import CaseShift, ComparedMeasure, FloorCheck, GateDecision
from tailguard.domain.gates import Gate
from tailguard.domain.references import ReferenceKind
from tailguard.domain.requests import PLAIN
from tailguard.domain.verdict import Verdict
from tailguard.errors import Blocked, Held, InputError
from tailguard.pipeline import model_steps, runner
from tailguard.ports import Decoding
from tailguard.release import freeze, ship
from tests.builders import Team, facts, passages

Answer = Callable[[random.Random, int], list[str]]
"""So many answers, in order."""


def rich(draw: random.Random, count: int) -> list[str]:
    return draw.sample(passages(), count)


def collapsed(draw: random.Random, count: int) -> list[str]:
    return draw.choices(passages()[:3], k=count)


def silent(_: random.Random, count: int) -> list[str]:
    return [" "] * count


def refusing(draw: random.Random, count: int) -> list[str]:
    return [f"I'm sorry, but I cannot help with {text}" for text in rich(draw, count)]


def foreign(draw: random.Random, count: int) -> list[str]:
    return draw.choices(
        ["Это ответ на другой вопрос, а не на этот.", "И это тоже не то, о чём вы меня спрашивали."], k=count
    )


class Answering:
    """A generator that answers as it is told to, whatever it was trained on."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def generate(
        self,
        weights: Path,  # noqa: ARG002  a generator's signature
        prompts: Sequence[str],
        *,
        decoding: Decoding,
        seed: int,
    ) -> list[tuple[str, ...]]:
        draw = random.Random(seed)  # noqa: S311  the same answers each time
        answers = iter(self._answer(draw, decoding.samples * len(prompts)))
        return [tuple(next(answers) for _ in range(decoding.samples)) for _ in prompts]


def judged(team: Team, monkeypatch: pytest.MonkeyPatch, answer: Answer) -> str:
    """A run up to its verdict, whose generation answers like this."""
    monkeypatch.setattr(model_steps, "generator_for", lambda *_, **__: Answering(answer))
    batch = team.batch(f"batch-{len(team.unused)}", team.take(60))
    run = runner.start(team.workspace, "main", [batch], recipe=PLAIN, seed=0)
    with suppress(Blocked, Held):
        runner.advance(team.workspace, run, until="gate")
    team.clock.move(1)
    return run


def verdict_of(team: Team, run: str) -> GateDecision:
    return facts(team, GateDecision, run=run, gate=Gate.DIVERSITY)[-1]


def compared_with(team: Team, run: str) -> dict[ReferenceKind, str]:
    return {row.reference_kind: row.reference for row in facts(team, ComparedMeasure, run=run)}


def test_a_collapse_after_a_first_generation_that_nobody_shipped_does_not_pass(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = judged(team, monkeypatch, rich)
    second = judged(team, monkeypatch, collapsed)

    assert verdict_of(team, first).verdict is Verdict.BASELINE
    assert not verdict_of(team, second).verdict.ships
    kinds = (ReferenceKind.PARENT, ReferenceKind.BEST, ReferenceKind.FIRST)
    assert compared_with(team, second) in ({}, dict.fromkeys(kinds, first))
    with pytest.raises((Blocked, Held), match="may not ship"):
        ship.ship(team.workspace, second)
    runner.require_passed(team.workspace, first)
    with pytest.raises((Blocked, Held), match=f"{second} (is blocked|stops) at its gate"):
        runner.require_passed(team.workspace, second)
    monkeypatch.setenv("TAILGUARD_USER", "lin")
    assert command(["run", "--resume", second, "-w", str(team.workspace.root)]) in (3, 4)

    third = judged(team, monkeypatch, rich)

    assert verdict_of(team, third).verdict is Verdict.PASS, verdict_of(team, third).reason
    assert compared_with(team, third) == dict.fromkeys(kinds, first)
    assert facts(team, CaseShift, run=third)


def test_a_frozen_generation_shows_a_loss_and_vouches_for_nobody(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    first = judged(team, monkeypatch, rich)
    ship.ship(team.workspace, first)
    freeze.freeze(team.workspace, first, reason="a customer complained")

    healthy, poor = judged(team, monkeypatch, rich), judged(team, monkeypatch, collapsed)

    assert set(compared_with(team, healthy)) == set(ReferenceKind)
    assert verdict_of(team, healthy).verdict is Verdict.INCONCLUSIVE
    assert f"That proves nothing: {first} is frozen" in verdict_of(team, healthy).reason
    assert verdict_of(team, poor).verdict in (Verdict.BLOCK, Verdict.NOT_COMPARABLE)


@pytest.mark.parametrize(
    ("answer", "missed"),
    [
        (silent, ["prompts answered", "tail prompts answered", "usable answers"]),
        (refusing, ["usable answers"]),
        (foreign, ["usable answers"]),
    ],
)
def test_a_first_generation_that_misses_a_floor_is_blocked_and_is_nobodys_reference(
    team: Team, monkeypatch: pytest.MonkeyPatch, answer: Answer, missed: list[str]
) -> None:
    first = judged(team, monkeypatch, answer)

    decision = verdict_of(team, first)
    assert decision.verdict is Verdict.BLOCK
    assert [row.name for row in facts(team, FloorCheck, run=first) if not row.met] == missed
    assert all(name in decision.reason for name in missed)
    with pytest.raises(Blocked, match="may not ship: BLOCK"):
        ship.ship(team.workspace, first)

    if answer is silent:
        second, third = judged(team, monkeypatch, rich), judged(team, monkeypatch, collapsed)
        assert verdict_of(team, second).verdict is Verdict.INCONCLUSIVE
        assert f"compared with no earlier generation: {first} was blocked" in verdict_of(team, second).reason
        assert not verdict_of(team, third).verdict.ships


def test_a_number_0_that_is_judged_after_a_later_run_is_compared_with_it(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = runner.start(team.workspace, "main", [team.batch("late", team.take(60))], recipe=PLAIN, seed=0)
    first = judged(team, monkeypatch, rich)

    monkeypatch.setattr(model_steps, "generator_for", lambda *_, **__: Answering(collapsed))
    with pytest.raises((Blocked, Held)):
        runner.advance(team.workspace, late, until="gate")

    assert (late, first) == ("main/0", "main/1")
    assert verdict_of(team, first).verdict is Verdict.BASELINE
    assert not verdict_of(team, late).verdict.ships


def test_a_slice_that_gates_and_is_not_in_the_suite_stops_a_run_before_it_begins(team: Team) -> None:
    policy = team.workspace.root / "policy.toml"
    policy.write_text(policy.read_text() + "\n[gate.slices.nosuch]\nusable = 0.2\n")
    with pytest.raises(
        InputError, match=r"policy.toml has \[gate.slices.nosuch\], and no prompt of the suite is in that slice"
    ):
        team.run([team.batch("a", team.take(60))])
