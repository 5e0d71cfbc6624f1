"""The five standing plays: what each is for, what sets it off, what has to run before it, and its steps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Play:
    """A standing defence. Its owner and cadence stand in the policy; `evidence` says which rows show that it runs."""

    name: str
    title: str
    purpose: str
    trigger: str
    needs: tuple[str, ...]
    steps: tuple[str, ...]
    evidence: str


PLAYS = (
    Play(
        name="provenance",
        title="Provenance",
        purpose="know of every record whether a person or a model wrote it",
        trigger="a batch arrives; a source has no signed contract; a record's origin is not known",
        needs=(),
        steps=(
            "tag every record at intake (`tailguard run`, `tailguard intake`)",
            "decide what is held (`tailguard quarantine list`)",
            "agree on contracts with sources and sign them (`tailguard source sign`)",
            "calibrate the detector on the team's own texts (`tailguard detector calibrate`)",
        ),
        evidence="a batch was taken in and its tags were kept",
    ),
    Play(
        name="mixing",
        title="Mixing ratios",
        purpose="keep model-made text under a ceiling, on a human anchor that does not change",
        trigger="a training set is composed; a job asks for clearance; an override is asked for or ends",
        needs=("provenance",),
        steps=(
            "compose under the ceiling (`tailguard compose`)",
            "ask for clearance first in every training job (`tailguard check`)",
            "audit the set by a second role (`tailguard audit`)",
            "review all overrides every month (`tailguard meeting start`)",
        ),
        evidence="a training set was cleared or refused",
    ),
    Play(
        name="loops",
        title="Breaking loops",
        purpose="find where our own output comes back as training data, and guard it",
        trigger="our own text is found in a batch; a system both writes and is read; a checkpoint falls silent or is removed",
        needs=("provenance",),
        steps=(
            "declare flows, import lineage (`tailguard loops declare`, `tailguard loops import`)",
            "look at every loop (`tailguard loops list`)",
            "put a checkpoint on each, with an owner (`tailguard loops guard`)",
            "review all of them and say so (`tailguard loops review`)",
        ),
        evidence="the owner reviewed all loops",
    ),
    Play(
        name="monitoring",
        title="Diversity monitoring",
        purpose="see a loss of rare cases before users do",
        trigger="a generation is trained; a week of production text arrives; diversity falls past its margin",
        needs=("provenance", "mixing"),
        steps=(
            "compare each generation with its parent, the one in production, the best and the first (`tailguard gate`)",
            "measure production text week by week (`tailguard monitor add`)",
            "acknowledge each alert (`tailguard alerts acknowledge`)",
            "keep suite and anchor fresh (`tailguard suite build`, `tailguard anchor add`)",
        ),
        evidence="a gate decided, or a week of production text was measured",
    ),
    Play(
        name="drill",
        title="Response drill",
        purpose="be able to freeze, roll back and re-train within minutes",
        trigger="an alert nobody can explain away; a quarter has passed since the last drill",
        needs=("mixing", "monitoring"),
        steps=(
            "start a drill, or an incident from an alert (`tailguard drill start`, `tailguard incident open`)",
            "freeze, roll back, audit, prepare (`tailguard incident freeze`, ... each shown by `tailguard incident show`)",
            "write down cause and change (`tailguard incident close`)",
        ),
        evidence="a drill or an incident was closed",
    ),
)
BY_NAME = {play.name: play for play in PLAYS}
