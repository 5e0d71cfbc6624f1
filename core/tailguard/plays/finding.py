"""What a play finds, and what it is given to look at."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tailguard.domain.overrides import Override
from tailguard.plays.lineages import LineageStatus
from tailguard.policy import Policy
from tailguard.runlog.connection import Connection


@dataclass(frozen=True)
class Finding:
    """Something a person should look at: how bad (high, middle, low), what, since when, and the page that explains it.

    `key` names the finding from one look to the next, whatever its numbers have become; `taken_by` answers for it, and
    `plan` is what they said they would do.
    """

    severity: str
    what: str
    since: datetime
    page: str
    row: str
    taken_by: str | None = None
    plan: str | None = None
    key: str = field(init=False)

    def __post_init__(self) -> None:
        words = re.sub(r"[\d.,]+", "#", self.what)
        digest = hashlib.sha256(f"{self.page}\n{self.row}\n{words}".encode()).hexdigest()
        object.__setattr__(self, "key", f"finding-{digest[:10]}")


@dataclass(frozen=True)
class Scene:
    """The log at one moment, with what several plays ask of it: the policy in force, the lineages, the exceptions."""

    connection: Connection
    moment: datetime
    policy: Policy | None
    lineages: Sequence[LineageStatus]
    exceptions: Sequence[Override]
