"""The workflow on one screen: seven steps, in order, and when each may start.

A step starts when the one ahead of it met its exit criteria. Two gates stand in between. The ratio gate is asked by training, so
that an override can open it: a composition that exceeds the ceiling does not end the run, and training may be asked for. The
diversity gate decides about shipping: a candidate that it stopped is documented all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tailguard.domain.stages import Outcome, Stage
from tailguard.pipeline import data_steps, model_steps
from tailguard.pipeline.context import RunContext


@dataclass(frozen=True, kw_only=True)
class Step:
    """What does a step, whether missed criteria end the run here, and whether it starts although the one ahead missed some."""

    stage: Stage
    work: Callable[[RunContext], Outcome]
    ends_run: bool = True
    starts_regardless: bool = False


STEPS = (
    Step(stage=Stage.INTAKE, work=data_steps.intake),
    Step(stage=Stage.SCORE, work=data_steps.score),
    Step(stage=Stage.COMPOSE, work=data_steps.compose, ends_run=False),
    Step(stage=Stage.TRAIN, work=model_steps.train, starts_regardless=True),
    Step(stage=Stage.EVALUATE, work=model_steps.evaluate),
    Step(stage=Stage.GATE, work=model_steps.gate),
    Step(stage=Stage.HANDOFF, work=model_steps.handoff, ends_run=False, starts_regardless=True),
)


def step_ahead(step: Step) -> Step | None:
    """The step that has to be finished before this one; None for the first."""
    position = STEPS.index(step)
    return STEPS[position - 1] if position else None


def steps_until(last: Stage) -> tuple[Step, ...]:
    """The steps up to and including a stage."""
    return STEPS[: list(Stage).index(last) + 1]
