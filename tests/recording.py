"""Facts put into a log as they are, by nobody's right: what a test's story has left behind."""

from __future__ import annotations

from tailguard.domain.facts import Fact, PolicyInForce
from tailguard.policy.reading import policy_digest, read_policy
from tailguard.runlog.connection import RunLog
from tailguard.runlog.recorder import Author, transaction
from tailguard.workspace import POLICY_FILE, Workspace


def record(workspace: Workspace, *facts: Fact) -> None:
    """Record facts as the workspace's actor, in one transaction."""
    record_in(workspace.log, workspace.author, *facts)


def record_in(log: RunLog, author: Author, *facts: Fact) -> None:
    """Record facts in a log, in one transaction."""
    with transaction(log, author) as opened:
        opened.record(*facts)


def record_policy(workspace: Workspace) -> None:
    """Record policy.toml as it is, where that is not what the log has last."""
    policy, text = read_policy(workspace.root / POLICY_FILE)
    with transaction(workspace.log, workspace.author) as opened:
        newest = opened.view.newest(PolicyInForce)
        if newest is None or newest.fact.text != text:
            opened.record(PolicyInForce(digest=policy_digest(text), team=policy.team, text=text))
