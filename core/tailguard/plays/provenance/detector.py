"""The detector in force, and making it the team's own."""

from __future__ import annotations

from tailguard.adapters.detectors import BUILT_IN, scorer_named
from tailguard.detection import team
from tailguard.detection.judge import Detector
from tailguard.domain.facts import DetectorCalibrated
from tailguard.domain.roles import Right
from tailguard.errors import InputError
from tailguard.policy.model import Policy
from tailguard.ports import Scorer
from tailguard.runlog.view import latest
from tailguard.runlog.views.references import frozen_anchor
from tailguard.runlog.views.runs import generation_of
from tailguard.workspace import Workspace


def in_force(workspace: Workspace, policy: Policy) -> Detector:
    """The newest calibration of the policy's detector; the built-in one has a calibration that it comes with.

    Raises InputError for another detector that was never calibrated.
    """
    name = policy.intake.detector
    with workspace.log.reading() as view:
        calibrated = latest(view.recorded(DetectorCalibrated, name=name))
    if calibrated:
        return team.load(
            workspace.store,
            calibrated.fact.detector,
            error_rate=policy.intake.error_rate,
            named=lambda _: _scorer(policy),
        )
    if name != BUILT_IN:
        raise InputError(
            f"The detector {name!r} has no calibration yet, so nobody knows its error rate. Calibrate it first with "
            "`tailguard detector calibrate FILE --generation NAME`."
        )
    return team.built_in(policy.intake.error_rate)


def calibrate(workspace: Workspace, texts: list[str], *, generation: str, seed: int) -> DetectorCalibrated:
    """Fit and calibrate the policy's detector on the frozen anchor and a generation's own texts, and put it in force.

    Raises InputError without an anchor, for a generation that nobody made, and with too few texts.
    """
    policy = workspace.require(Right.SET_UP)
    with workspace.log.reading() as view:
        anchor = frozen_anchor(view)
        made = generation_of(view, generation)
    if anchor is None:
        raise InputError("Freeze the anchor first: the detector is calibrated on it (`tailguard anchor freeze FILE`).")
    if made is None:
        raise InputError(f"There is no generation {generation!r}. `tailguard status` lists them.")
    human = workspace.store.table("anchors", anchor.fact.anchor)["text"].to_pylist()
    scorer = scorer_named(policy, policy.intake.detector)
    detector = team.calibrate(human, texts, scorer=scorer, error_rate=policy.intake.error_rate, seed=seed)
    measured = team.rates(detector)
    fact = DetectorCalibrated(
        detector=team.keep(detector, workspace.store),
        name=policy.intake.detector,
        anchor=anchor.fact.anchor,
        outputs_of=generation,
        human_texts=len(human),
        ai_texts=len(texts),
        auroc=measured.auroc,
        true_positive_rate=measured.true_positive,
        false_positive_rate=measured.false_positive,
        error_rate=detector.error_rate,
    )
    with workspace.deciding(Right.SET_UP) as tx:
        tx.record(fact)
    return fact


def _scorer(policy: Policy) -> Scorer:
    scorer = scorer_named(policy, policy.intake.detector)
    if scorer is None:
        raise InputError("The calibration in force is for another detector than the built-in one. Calibrate again.")
    return scorer
