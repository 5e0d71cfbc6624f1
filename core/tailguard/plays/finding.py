"""What a play finds, and what it is given to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tailguard.domain.overrides import Override
from tailguard.plays.lineages import LineageStatus
from tailguard.policy import Policy
from tailguard.runlog.connection import Connection


@dataclass(frozen=True)
class Finding:
    """Something a person should look at: how bad (high, middle, low), what, since when, and the page that explains it."""

    severity: str
    what: str
    since: datetime
    page: str
    row: str


@dataclass(frozen=True)
class Scene:
    """The log at one moment, with what several plays ask of it: the policy in force, the lineages, the exceptions."""

    connection: Connection
    moment: datetime
    policy: Policy | None
    lineages: Sequence[LineageStatus]
    exceptions: Sequence[Override]
