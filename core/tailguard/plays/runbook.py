"""The runbook: how this team works, written from the policy, the plays, the stages' own exit criteria and the declared flows.

It is the same text for the same process, so its digest is its revision; a change of the process that nobody acknowledged is a
finding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from tailguard.domain.facts import FlowsDeclared, PolicyInForce, RunbookRevised
from tailguard.domain.incidents import STEPS
from tailguard.domain.markdown import plain
from tailguard.domain.stages import EXIT_CRITERIA, ORDER
from tailguard.plays.book import BY_NAME
from tailguard.plays.finding import Finding, FindingKind, Scene
from tailguard.plays.loops.declared import FILE, parse_flows
from tailguard.plays.loops.flows import Checkpoint
from tailguard.policy.model import Policy
from tailguard.runlog.connection import Connection
from tailguard.runlog.queries import newest, policy_in_force, recorded

_OPEN = "tailguard incident open LINEAGE"
_DOES = {
    "intake": "read batches, tag every record, hold what cannot be told",
    "score": "score each record, drop poor synthetic text, keep what covers rare cases",
    "compose": "anchor, human text and the best synthetic text under the ceiling; the snapshot",
    "train": "train on a cleared set",
    "evaluate": "let the generation answer the frozen suite",
    "gate": "hold it against parent, best and first; look for unguarded loops",
    "handoff": "write the record from which a colleague can repeat the run",
}


def text_of(policy: Policy, checkpoints: Sequence[Checkpoint]) -> str:
    """The runbook as Markdown. Depends on its arguments alone."""
    stages = ("intake",) if policy.profile == "api-only" else ORDER
    lines = [
        f"# Runbook of {plain(policy.team)}",
        "",
        f"Maintained by {plain(policy.quality_owner)}, who answers for the whole defence. Profile: {policy.profile}. It is "
        "written by `tailguard runbook show` from the policy, the plays and the stages; do not edit it, change the process.",
        "",
        "## People",
        "",
        "| role | who | may |",
        "|---|---|---|",
        f"| quality owner | {plain(policy.quality_owner)} | unfreeze, sign sources off, attest plays, acknowledge this runbook |",
        f"| engineer | {_names(policy.roles.engineer)} | start runs, ask for overrides |",
        f"| reviewer | {_names(policy.roles.reviewer)} | decide held records |",
        f"| data lead | {_names(policy.roles.data_lead)} | audit training sets |",
        f"| approver | {_names(policy.approvers())} | approve overrides, never their own |",
        "",
        "## A run, stage by stage",
        "",
        "`tailguard run -b SOURCE:ORIGIN:FILE` does all of it; each stage is a command too. A stage starts when the one ahead "
        "of it has met its exit criteria.",
        "",
        "| stage | does | is complete when |",
        "|---|---|---|",
        *(f"| `{stage}` | {_DOES[stage]} | {'; '.join(EXIT_CRITERIA[stage])} |" for stage in stages),
        "",
    ]
    if policy.profile != "api-only":
        lines += [
            "Then `tailguard ship GENERATION`. Only PASS ships, unless a live override covers the run.",
            "",
            "## Limits",
            "",
            "| lineage | mode | ceiling | held against |",
            "|---|---|---|---|",
            *(
                f"| {plain(name)} | {one.mode} | {one.ceiling:.0%} | {one.enforce_on} |"
                for name, one in sorted(policy.lineages.items())
            ),
            "",
            f"Margins: tail recall {policy.gate.tail_recall:.0%}, tail accuracy {policy.gate.tail_accuracy:.0%}, type coverage "
            f"{policy.gate.type_coverage:.0%}, variety {policy.gate.variety:.0%}; error rate {policy.gate.alpha:.0%}. A "
            f"clearance is good for {policy.clearance.valid_days} days, an override for at most {policy.overrides.max_days}; all "
            f"are reviewed every {policy.overrides.review_days} days.",
            "",
        ]
    lines += ["## The plays", ""]
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
    if checkpoints:
        lines += [
            "## Checkpoints on loops",
            "",
            "| checkpoint | on | owner | evidence | every |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| {plain(one.name)} | {plain(one.edge.text)} | {plain(one.owner)} | {one.evidence} | {one.every_days} days |"
            for one in checkpoints
        ]
        lines += ["", "Removing one is a finding, and an unguarded loop holds the gate.", ""]
    if "drill" in policy.asked_plays:
        lines += ["## When a model collapses, or in a drill", "", "| step | who | for | command |", "|---|---|---|---|"]
        lines += [
            f"| {one.name} | {one.role} | {one.purpose} | `{one.command.format(incident='ID') or _OPEN}` |"
            for one in STEPS
        ]
        lines.append("")
    return "\n".join(lines)


def digest_of(text: str) -> str:
    """A revision's name: SHA-256 of the text."""
    return hashlib.sha256(text.encode()).hexdigest()


def current(connection: Connection) -> str | None:
    """The runbook of the policy and flows in force; None where the log has no policy."""
    policy = policy_in_force(connection)
    declared = newest(connection, FlowsDeclared)
    checkpoints = parse_flows(declared.fact.text, FILE).checkpoints if declared else ()
    return text_of(policy, checkpoints) if policy else None


def find(scene: Scene) -> list[Finding]:
    """A process that changed without an acknowledged revision of the runbook."""
    text = current(scene.connection)
    changes = [one.recorded for kind in (PolicyInForce, FlowsDeclared) for one in recorded(scene.connection, kind)]
    if text is None or scene.policy is None or scene.policy.profile != "full" or not changes:
        return []
    revisions = recorded(scene.connection, RunbookRevised)
    if revisions and revisions[-1].fact.digest == digest_of(text):
        return []
    last = revisions[-1].recorded if revisions else None
    since = min((one for one in changes if last is None or one > last), default=scene.moment)
    told = (
        f"since revision {revisions[-1].fact.digest[:12]} of {last:%Y-%m-%d}"
        if revisions
        else "and nobody acknowledged it yet"
    )
    owner = scene.policy.quality_owner
    what = f"the process has changed {told}: {owner} has to read the runbook (`tailguard runbook acknowledge`)"
    severity = "middle" if revisions else "low"
    return [
        Finding(kind=FindingKind.RUNBOOK_NOT_ACKNOWLEDGED, severity=severity, what=what, since=since, row="runbook")
    ]


def _names(people: Sequence[str]) -> str:
    return ", ".join(plain(one) for one in people) or "nobody"
