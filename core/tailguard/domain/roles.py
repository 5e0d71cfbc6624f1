"""Who may do what. One table, which the core asks before each decision, whoever calls it and from where."""

from __future__ import annotations

from enum import StrEnum

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Without a sign-in a dashboard answers on these addresses alone."""


class Role(StrEnum):
    """What a person is to the team; a person may be several."""

    VIEWER = "viewer"
    ENGINEER = "engineer"
    REVIEWER = "reviewer"
    DATA_LEAD = "data lead"
    APPROVER = "approver"
    PLAY_OWNER = "owner of a play"
    OWNER = "quality owner"


class Right(StrEnum):
    """A decision, or work whose result others rely on, as messages name it."""

    LOOK = "look at the dashboard"
    SET_UP = "set up the anchor, the suite, streams, the detector or the ceiling"
    RUN = "start runs"
    SHIP = "ship generations or roll them back"
    FREEZE = "freeze generations"
    UNFREEZE = "unfreeze generations"
    ASK = "ask for overrides"
    DECIDE = "decide on overrides"
    MEET = "hold the meeting"
    REVIEW = "decide held records"
    CONTRACT = "agree contracts with sources"
    SIGN = "sign sources off"
    SIGN_OFF = "sign off gate decisions"
    AUDIT = "audit training sets"
    ANCHOR = "change the anchor"
    ATTEST = "attest plays"
    ACKNOWLEDGE = "acknowledge the runbook"
    HAND_OVER = "hand plays over"
    FLOWS = "declare flows or checkpoints"
    LOOPS = "review loops"
    RESPOND = "work on drills or incidents"
    ASSIGN = "assign findings"
    ALERTS = "acknowledge alerts"
    NOTE = "note deviations"
    TEST = "test the gate"
    CLEAR = "ask for clearance"
    MEASURE = "log outputs or production texts"
    VERIFY = "verify references"
    NOTIFY = "send alerts"
    PACK = "make evidence packs"
    REPRODUCE = "reproduce runs"


_TEAM = frozenset(Role) - {Role.VIEWER}
_ENGINEERING = frozenset({Role.ENGINEER, Role.OWNER})
_OWNER = frozenset({Role.OWNER})

ALLOWED: dict[Right, frozenset[Role]] = {
    Right.LOOK: frozenset(Role),
    Right.SET_UP: _ENGINEERING | {Role.DATA_LEAD},
    Right.RUN: _ENGINEERING,
    Right.SHIP: _ENGINEERING,
    Right.FREEZE: _TEAM,
    Right.UNFREEZE: _OWNER,
    Right.ASK: _ENGINEERING,
    Right.DECIDE: frozenset({Role.APPROVER}),
    Right.MEET: _TEAM,
    Right.REVIEW: frozenset({Role.REVIEWER, Role.OWNER}),
    Right.CONTRACT: frozenset({Role.DATA_LEAD, Role.OWNER}),
    Right.SIGN: _OWNER,
    Right.SIGN_OFF: _OWNER,
    Right.AUDIT: frozenset({Role.DATA_LEAD}),
    Right.ANCHOR: _OWNER,
    Right.ATTEST: _OWNER,
    Right.ACKNOWLEDGE: _OWNER,
    Right.HAND_OVER: frozenset({Role.PLAY_OWNER, Role.OWNER}),
    Right.FLOWS: _ENGINEERING | {Role.DATA_LEAD, Role.PLAY_OWNER},
    Right.LOOPS: frozenset({Role.PLAY_OWNER}),
    Right.RESPOND: _TEAM,
    Right.ASSIGN: _TEAM,
    Right.ALERTS: _TEAM,
    Right.NOTE: _TEAM,
    Right.TEST: _ENGINEERING,
    Right.CLEAR: _ENGINEERING,
    Right.MEASURE: _ENGINEERING | {Role.DATA_LEAD},
    Right.VERIFY: _TEAM,
    Right.NOTIFY: _TEAM,
    Right.PACK: _TEAM,
    Right.REPRODUCE: _TEAM,
}
