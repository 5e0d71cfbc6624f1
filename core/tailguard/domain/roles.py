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
    """A decision, or work whose result others rely on."""

    LOOK = "look"
    SET_UP = "set_up"
    RUN = "run"
    SHIP = "ship"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    ASK = "ask"
    DECIDE = "decide"
    MEET = "meet"
    REVIEW = "review"
    CONTRACT = "contract"
    SIGN = "sign"
    SIGN_OFF = "sign_off"
    AUDIT = "audit"
    ANCHOR = "anchor"
    ATTEST = "attest"
    ACKNOWLEDGE = "acknowledge"
    HAND_OVER = "hand_over"
    FLOWS = "flows"
    LOOPS = "loops"
    RESPOND = "respond"
    ASSIGN = "assign"
    ALERTS = "alerts"
    NOTE = "note"
    TEST = "test"
    CLEAR = "clear"
    MEASURE = "measure"
    VERIFY = "verify"
    NOTIFY = "notify"
    PACK = "pack"
    REPRODUCE = "reproduce"

    @property
    def label(self) -> str:
        """What somebody may do, or may not, in words."""
        return _LABELS[self]


_LABELS = {
    Right.LOOK: "look at the dashboard",
    Right.SET_UP: "set up the anchor, the suite, streams, the detector or the ceiling",
    Right.RUN: "start runs",
    Right.SHIP: "ship generations or roll them back",
    Right.FREEZE: "freeze generations",
    Right.UNFREEZE: "unfreeze generations",
    Right.ASK: "ask for overrides",
    Right.DECIDE: "decide on overrides",
    Right.MEET: "hold the meeting",
    Right.REVIEW: "decide held records",
    Right.CONTRACT: "agree contracts with sources",
    Right.SIGN: "sign sources off",
    Right.SIGN_OFF: "sign off gate decisions",
    Right.AUDIT: "audit training sets",
    Right.ANCHOR: "change the anchor",
    Right.ATTEST: "attest plays",
    Right.ACKNOWLEDGE: "acknowledge the runbook",
    Right.HAND_OVER: "hand plays over",
    Right.FLOWS: "declare flows or checkpoints",
    Right.LOOPS: "review loops",
    Right.RESPOND: "work on drills or incidents",
    Right.ASSIGN: "assign findings",
    Right.ALERTS: "acknowledge alerts",
    Right.NOTE: "note deviations",
    Right.TEST: "test the gate",
    Right.CLEAR: "ask for clearance",
    Right.MEASURE: "log outputs or production texts",
    Right.VERIFY: "verify references",
    Right.NOTIFY: "send alerts",
    Right.PACK: "make evidence packs",
    Right.REPRODUCE: "reproduce runs",
}


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
