"""A workspace: the folder that holds a team's policy, store and run log, and who works in it."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tailguard.clock import SystemClock
from tailguard.domain.facts import AttemptRefused, Fact, PolicyInForce
from tailguard.domain.roles import ALLOWED, Right
from tailguard.errors import InputError, NotAllowed
from tailguard.policy.model import Policy
from tailguard.policy.reading import policy_digest, read_policy
from tailguard.ports import Clock
from tailguard.runlog.connection import RunLog, open_log
from tailguard.runlog.recorder import Author, Transaction, transaction
from tailguard.runlog.view import LogView

if TYPE_CHECKING:
    from tailguard.store.files import Store

POLICY_FILE = "policy.toml"
LOG_VARIABLE = "TAILGUARD_RUNLOG"
LOG_FILE = "runlog.duckdb"
SYSTEM_CLOCK = SystemClock()


def default_actor() -> str:
    """The actor: TAILGUARD_USER, else the name of the account."""
    name = os.environ.get("TAILGUARD_USER", "").strip()
    if name:
        return name
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def find_workspace(start: Path) -> Path:
    """The nearest folder with a policy, from `start` upwards, or its data/local. Raises InputError when there is none."""
    for folder in (start, *start.parents):
        for candidate in (folder, folder / "data" / "local"):
            if (candidate / POLICY_FILE).is_file():
                return candidate
    raise InputError(
        f"There is no {POLICY_FILE} in {start} or above it. Run `tailguard init` first, or name a folder with -w."
    )


@dataclass(frozen=True)
class Workspace:
    """One folder, one actor, one clock. Opening it reads nothing; policy and log are read when first asked for."""

    root: Path
    actor: str
    clock: Clock = SYSTEM_CLOCK
    groups: tuple[str, ...] = ()
    """Groups that the OpenID provider says the actor is in; nobody has any on the command line."""
    isolated: bool = False
    """Whether it is a sandbox, a replay or a demo: its log is the file in its folder, whatever TAILGUARD_RUNLOG names, and alerts
    reach nobody."""

    def as_actor(self, actor: str, *, groups: tuple[str, ...] = ()) -> Workspace:
        """The same workspace, with its log and store as they are opened, and another actor."""
        other = replace(self, actor=actor, groups=groups)
        vars(other).update({name: vars(self)[name] for name in ("log", "store") if name in vars(self)})
        return other

    @contextmanager
    def deciding(self, right: Right) -> Iterator[Decision]:
        """One decision: locked, allowed, under the policy in force, and recorded as a whole or not at all.

        A policy that is not the one last recorded is recorded ahead of what it allows. Nothing is recorded if the block raises,
        but for a refusal: NotAllowed, where the actor may not do this or the block says so, is logged before it is raised.
        """
        try:
            with transaction(self.log, self.author) as opened:
                yield self._decision(right, opened)
        except NotAllowed as refused:
            self._log_refusal(right, refused)
            raise

    @contextmanager
    def concluding(self) -> Iterator[Transaction]:
        """Record what came of work that `require` let begin, whatever has become of the policy and of the actor's role since."""
        with transaction(self.log, self.author) as opened:
            yield opened

    def require(self, right: Right) -> Policy:
        """The policy in force, for an actor who may do this; for work that takes long, ahead of the decision that records it.
        Raises NotAllowed, and logs it."""
        policy, text = self._policy_file()
        try:
            self._require_role(right, policy)
        except NotAllowed as refused:
            self._log_refusal(right, refused)
            raise
        if not self._is_recorded(text):
            with transaction(self.log, self.author) as opened:
                self._decision(right, opened)
        return policy

    def _decision(self, right: Right, opened: Transaction) -> Decision:
        policy, text = self._policy_file()
        self._require_role(right, policy)
        return Decision(opened, policy, _policy_recorded(opened, policy, text))

    def _require_role(self, right: Right, policy: Policy) -> None:
        if refused := self.why_not(right, policy):
            raise NotAllowed(refused)

    def allows(self, right: Right, policy: Policy) -> bool:
        """Whether a role of the actor has this right under a policy."""
        return bool(ALLOWED[right] & policy.roles_of(self.actor, self.groups))

    def why_not(self, right: Right, policy: Policy) -> str | None:
        """Why no role of the actor has this right under a policy, and whose has; None where one has it."""
        if self.allows(right, policy):
            return None
        return f"{self.actor} may not {right.label}. The policy names {policy.who_may(right)}."

    def _is_recorded(self, text: str) -> bool:
        if not self.log.exists():
            return False
        with self.log.reading() as view:
            newest = view.newest(PolicyInForce)
        return newest is not None and newest.fact.digest == policy_digest(text)

    def _log_refusal(self, right: Right, refused: NotAllowed) -> None:
        if not refused.logged and self.log.exists():
            with transaction(self.log, self.author) as opened:
                opened.record(AttemptRefused(right=right, why=str(refused)))
        refused.logged = True

    @property
    def author(self) -> Author:
        """Whom and whose clock to write beside a fact."""
        return Author(self.actor, self.clock)

    @cached_property
    def store(self) -> Store:
        """The content-addressed files."""
        from tailguard.store.files import Store

        return Store(self.root / "store")

    @cached_property
    def log(self) -> RunLog:
        """The run log: a DuckDB file in this folder, or what TAILGUARD_RUNLOG names."""
        named = None if self.isolated else os.environ.get(LOG_VARIABLE)
        return open_log(named or f"duckdb:///{self.root / LOG_FILE}", self.root)

    def edited_policy(self) -> Policy:
        """The policy as its file is now, recorded or not: for who may sign in, and what the actor may be offered."""
        return self._policy_file()[0]

    def _policy_file(self) -> tuple[Policy, str]:
        return read_policy(self.root / POLICY_FILE)


class Decision:
    """A decision in the making: the policy in force and its digest, the log as it is, and what is to be recorded."""

    def __init__(self, opened: Transaction, policy: Policy, policy_digest: str) -> None:
        self._opened = opened
        self.policy = policy
        self.policy_digest = policy_digest

    @property
    def view(self) -> LogView:
        """The log with what was recorded so far. Ask for it anew after `record`."""
        return self._opened.view

    def record(self, *facts: Fact) -> None:
        """Add facts to the log if the decision ends well."""
        self._opened.record(*facts)


def _policy_recorded(opened: Transaction, policy: Policy, text: str) -> str:
    """The digest of a policy, which is recorded whole where it is not the newest in the log, also when it comes back."""
    digest = policy_digest(text)
    newest = opened.view.newest(PolicyInForce)
    if newest is None or newest.fact.digest != digest:
        opened.record(PolicyInForce(digest=digest, team=policy.team, text=text))
    return digest
