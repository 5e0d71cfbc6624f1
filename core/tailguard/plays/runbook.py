"""The runbook: how this team works, written from the policy, the plays, the stages' own exit criteria and the declared flows.

It is the same text for the same process, so its digest is its revision; a change of the process that nobody acknowledged is a
finding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from tailguard.domain.changes import size
from tailguard.domain.facts import FlowsDeclared, PolicyInForce, RunbookRevised
from tailguard.domain.incidents import STEPS
from tailguard.domain.markdown import plain
from tailguard.domain.stages import EXIT_CRITERIA, ORDER, Stage
from tailguard.plays.book import BY_NAME
from tailguard.plays.finding import Finding, FindingKind, PlayContext, Severity
from tailguard.plays.loops.declared import FILE, parse_flows
from tailguard.plays.loops.flows import Checkpoint
from tailguard.policy.model import Policy
from tailguard.runlog.view import LogView

_OPEN = "tailguard incident open LINEAGE"
_DOES = {
    "intake": "read batches, tag every record, hold what has no known origin",
    "score": "score each record, drop poor synthetic text, keep what covers rare cases",
    "compose": "anchor, human text and the best synthetic text under the ceiling; the snapshot",
    "train": "train on a cleared set",
    "evaluate": "let the generation answer the frozen suite",
    "gate": "compare it with its parent, the one in production, the best and the first; look for unguarded loops",
    "handoff": "write the record from which a colleague can repeat the run",
}


def text_of(policy: Policy, checkpoints: Sequence[Checkpoint]) -> str:
    """The runbook as Markdown. Depends on its arguments alone."""
    trains = policy.profile != "api-only"
    lines = [
        f"# Runbook of {plain(policy.team)}",
        "",
        f"Maintained by {plain(policy.quality_owner)}, who answers for the whole defence. Profile: {policy.profile}. It is "
        "written by `tailguard runbook show` from the policy, the plays and the stages; do not edit it, change the process.",
        "",
        *_people(policy),
        *_stages(ORDER if trains else (Stage.INTAKE,)),
        *(_limits(policy) if trains else ()),
        *_plays(policy),
        *(_checkpoints(checkpoints) if checkpoints else ()),
        *(_response() if "drill" in policy.asked_plays else ()),
    ]
    return "\n".join(lines)


def _people(policy: Policy) -> list[str]:
    owns = "unfreeze, sign sources off, attest plays, acknowledge this runbook"
    owns += ", sign off gate decisions" if policy.gate.sign_off else ""
    return [
        "## People",
        "",
        "| role | who | may |",
        "|---|---|---|",
        f"| quality owner | {plain(policy.quality_owner)} | {owns} |",
        f"| engineer | {_names(policy.roles.engineer)} | start runs, ask for overrides |",
        f"| reviewer | {_names(policy.roles.reviewer)} | decide held records |",
        f"| data lead | {_names(policy.roles.data_lead)} | audit training sets |",
        f"| approver | {_names(policy.approvers())} | approve overrides, never their own |",
        "",
    ]


def _stages(stages: Sequence[Stage]) -> list[str]:
    return [
        "## A run, stage by stage",
        "",
        "`tailguard run -b SOURCE:ORIGIN:FILE` does all of it; each stage is a command too. A stage starts when the one ahead "
        "of it has met its exit criteria.",
        "",
        "| stage | does | is complete when |",
        "|---|---|---|",
        *(f"| `{stage}` | {_DOES[stage]} | {_complete_when(stage)} |" for stage in stages),
        "",
    ]


def _complete_when(stage: Stage) -> str:
    return "; ".join(requirement.label for requirement in EXIT_CRITERIA[stage])


def _limits(policy: Policy) -> list[str]:
    """What ships, and within which limits."""
    margins = ", ".join(f"{measure.label} {size(measure, margin)}" for measure, margin in policy.gate.margins.items())
    slices = [
        f" In {plain(name)}: "
        + ", ".join(f"{measure.label} {size(measure, loss)}" for measure, loss in own.items())
        + "."
        for name, own in policy.gate.slices.items()
    ]
    signed = (
        "; and only once the quality owner has signed its verdict off (`tailguard sign-off`)"
        if policy.gate.sign_off
        else ""
    )
    return [
        "Then `tailguard ship GENERATION`. PASS and BASELINE ship; anything else only where a live override covers the run"
        f"{signed}.",
        "",
        "## Limits",
        "",
        "| lineage | mode | ceiling | held against |",
        "|---|---|---|---|",
        *(
            f"| {plain(name)} | {rules.mode} | {rules.ceiling:.0%} | {rules.enforce_on} |"
            for name, rules in sorted(policy.lineages.items())
        ),
        "",
        f"Largest losses that pass: {margins}; error rate {policy.gate.alpha:.0%}.{''.join(slices)} A "
        f"clearance is good for {policy.clearance.valid_days} days, an override for at most {policy.overrides.max_days}; all "
        f"are reviewed every {policy.overrides.review_days} days.",
        "",
    ]


def _plays(policy: Policy) -> list[str]:
    """Every play that is asked of this team, with its owner and its steps."""
    lines = ["## The plays", ""]
    for name in policy.asked_plays:
        play = BY_NAME[name]
        lines += [
            f"### {play.title}",
            "",
            f"Owner: {plain(str(getattr(policy.plays, name)))}. Every {getattr(policy.cadence, name)} days at least.",
            "",
            f"- Purpose: {play.purpose}.",
            f"- Trigger: {play.trigger}.",
            f"- Stands on: {', '.join(play.needs) or 'nothing; it runs first'}.",
            f"- Runs when: {play.evidence}.",
            "",
            *(f"{number}. {step}" for number, step in enumerate(play.steps, start=1)),
            "",
        ]
    return lines


def _checkpoints(checkpoints: Sequence[Checkpoint]) -> list[str]:
    return [
        "## Checkpoints on loops",
        "",
        "| checkpoint | on | owner | evidence | every |",
        "|---|---|---|---|---|",
        *(
            f"| {plain(checkpoint.name)} | {plain(checkpoint.edge.text)} | {plain(checkpoint.owner)} | "
            f"{checkpoint.evidence} | {checkpoint.every_days} days |"
            for checkpoint in checkpoints
        ),
        "",
        "Removing one is a finding, and an unguarded loop holds the gate.",
        "",
    ]


def _response() -> list[str]:
    """The steps of an incident or a drill."""
    return [
        "## When a model collapses, or in a drill",
        "",
        "| step | who | for | command |",
        "|---|---|---|---|",
        *(
            f"| {step.name} | {step.role} | {step.purpose} | `{step.command.format(incident='ID') or _OPEN}` |"
            for step in STEPS
        ),
        "",
    ]


def digest_of(text: str) -> str:
    """A revision's name: SHA-256 of the text."""
    return hashlib.sha256(text.encode()).hexdigest()


def current(view: LogView) -> str | None:
    """The runbook of the policy and flows in force; None where the log has no policy."""
    policy = view.policy()
    declared = view.newest(FlowsDeclared)
    checkpoints = parse_flows(declared.fact.text, FILE).checkpoints if declared else ()
    return text_of(policy, checkpoints) if policy else None


def find(context: PlayContext) -> list[Finding]:
    """A process that changed without an acknowledged revision of the runbook."""
    text = current(context.view)
    changes = [row.recorded for kind in (PolicyInForce, FlowsDeclared) for row in context.view.recorded(kind)]
    if text is None or context.policy is None or context.policy.profile != "full" or not changes:
        return []
    revisions = context.view.recorded(RunbookRevised)
    if revisions and revisions[-1].fact.digest == digest_of(text):
        return []
    last = revisions[-1].recorded if revisions else None
    since = min((when for when in changes if last is None or when > last), default=context.moment)
    revision = (
        f"since revision {revisions[-1].fact.digest[:12]} of {last:%Y-%m-%d}"
        if revisions
        else "and nobody acknowledged it yet"
    )
    owner = context.policy.quality_owner
    what = f"the process has changed {revision}: {owner} has to read the runbook (`tailguard runbook acknowledge`)"
    severity = Severity.MEDIUM if revisions else Severity.LOW
    return [
        Finding(kind=FindingKind.RUNBOOK_NOT_ACKNOWLEDGED, severity=severity, what=what, since=since, row="runbook")
    ]


def _names(people: Sequence[str]) -> str:
    return ", ".join(plain(person) for person in people) or "nobody"
