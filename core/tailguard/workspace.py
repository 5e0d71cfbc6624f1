"""A workspace: the folder that holds a team's policy, store and run log, and who is at work in it."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from tailguard.clock import SystemClock
from tailguard.domain.facts import AttemptRefused, PolicyInForce
from tailguard.domain.roles import ALLOWED, Right
from tailguard.errors import InputError, NotAllowed
from tailguard.policy.model import Policy, policy_digest, read_policy
from tailguard.ports import Clock
from tailguard.runlog.connection import RunLog, open_log
from tailguard.runlog.queries import only, recorded
from tailguard.runlog.recorder import Author, Desk

if TYPE_CHECKING:
    from tailguard.store.files import Store

POLICY_FILE = "policy.toml"
LOG_VARIABLE = "TAILGUARD_RUNLOG"
LOG_FILE = "runlog.duckdb"
SYSTEM_CLOCK = SystemClock()


def default_actor() -> str:
    """Who is at work: TAILGUARD_USER, else the name of the account."""
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
        """The same workspace, with its log and store as they are opened, and another person at work."""
        other = replace(self, actor=actor, groups=groups)
        vars(other).update({name: vars(self)[name] for name in ("log", "store") if name in vars(self)})
        return other

    @contextmanager
    def may(self, right: Right) -> Iterator[Policy]:
        """The policy in force, where the actor may do this. Raises NotAllowed where not, and logs each refusal, also one for a
        reason of its own that the block raises."""
        try:
            policy = self.policy()
            if not ALLOWED[right] & policy.roles_of(self.actor, self.groups):
                raise NotAllowed(f"{self.actor} may not {right}. The policy names {policy.who_may(right)}.")
            yield policy
        except NotAllowed as refused:
            if not refused.logged and self.log.exists():
                self.desk.record(AttemptRefused(str(right), str(refused)))
            refused.logged = True
            raise

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

    @property
    def desk(self) -> Desk:
        """Where decisions outside of runs are recorded."""
        return Desk(self.log, self.author)

    def policy(self) -> Policy:
        """The policy as the file says now."""
        return read_policy(self.root / POLICY_FILE)[0]

    def policy_in_force(self) -> tuple[Policy, str]:
        """The policy and its digest; one that is not the newest in the log is recorded whole, also when it comes back."""
        policy, text = read_policy(self.root / POLICY_FILE)
        digest = policy_digest(text)
        if self.log.exists():
            with self.log.reading() as connection:
                newest = only(recorded(connection, PolicyInForce))
                if newest and newest.fact.digest == digest:
                    return policy, digest
        self.desk.record(PolicyInForce(digest, policy.team, text))
        return policy, digest


P = ParamSpec("P")
W = TypeVar("W", bound=Workspace)
T = TypeVar("T")
DECISIONS: dict[str, Right] = {}
"""Every function of the core that a role is needed for, by module and name."""


def decision(right: Right) -> Callable[[Callable[Concatenate[W, P], T]], Callable[Concatenate[W, P], T]]:
    """Marks a function whose first argument is the workspace: it is only entered by an actor who may do this."""

    def marked(work: Callable[Concatenate[W, P], T]) -> Callable[Concatenate[W, P], T]:
        @wraps(work)
        def guarded(workspace: W, /, *args: P.args, **kwargs: P.kwargs) -> T:
            with workspace.may(right):
                return work(workspace, *args, **kwargs)

        DECISIONS[f"{work.__module__}.{work.__name__}"] = right
        return guarded

    return marked
