"""Template workspaces: what the same team does in the same state is done once in a test run, by whichever worker needs it
first, and copied for everybody after that.

A state is what later work depends on: the head of every chain in the log, the content of the store, policy, flows, clock,
actor and passages left. Equal states and arguments come to equal bytes, which
`test_the_same_seed_gives_the_same_hashes_in_any_folder` holds. A test that changes how the product works (monkeypatch) must
not be given work that was done without the change: it calls `undone(Team.run)`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from tailguard.workspace import LOG_VARIABLE, Workspace

FOLDER = "TAILGUARD_TESTS_TEMPLATES"
"""Names the folder of the templates that every worker of a test run shares."""


class Movable(Protocol):
    """A clock that stands where it is put."""

    moment: datetime


class Worker(Protocol):
    """A team, as far as templates know it."""

    @property
    def workspace(self) -> Workspace: ...
    @property
    def clock(self) -> Movable: ...
    @property
    def unused(self) -> list[str]: ...


W = TypeVar("W", bound=Worker)
P = ParamSpec("P")
R = TypeVar("R")
"""What the work returns; it has to be the same after it was written as JSON."""


def done_once(work: Callable[Concatenate[W, P], R]) -> Callable[Concatenate[W, P], R]:
    """Marks work on a team's workspace that is copied where the same was done before."""

    @wraps(work)
    def copied(team: W, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if FOLDER not in os.environ or os.environ.get(LOG_VARIABLE):
            return work(team, *args, **kwargs)
        asked = [work.__qualname__, _plain(team, args), _plain(team, kwargs)]
        template = Path(os.environ[FOLDER]) / _digest([*asked, _state(team)])
        with _alone(template):
            if not template.is_dir():
                result = work(team, *args, **kwargs)
                _keep(team, template, result)
                return result
        return cast("R", _restored(team, template))

    return copied


def made_once(name: str, make: Callable[[], R]) -> R:
    """What `make` returns, which has to be the same after it was written as JSON; made by one worker of a test run for all."""
    if FOLDER not in os.environ:
        return make()
    file = Path(os.environ[FOLDER]) / f"{name}.json"
    with _alone(file):
        if not file.exists():
            file.write_text(json.dumps(make()))
    return cast("R", json.loads(file.read_text()))


def undone(work: Callable[P, R]) -> Callable[P, R]:
    """The work itself, without a copy."""
    return work.__wrapped__  # type: ignore[attr-defined,no-any-return]  # functools.wraps sets it


def _state(team: Worker) -> list[object]:
    root = team.workspace.root
    files = [root / name for name in ("runlog.witness", "policy.toml", "flows.yaml")]
    files += sorted(path for path in (root / "store").rglob("*") if path.is_file())
    return [
        {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.exists()},
        team.workspace.actor,
        team.clock.moment.isoformat(),
        len(team.unused),
    ]


def _plain(team: Worker, value: Any) -> Any:
    """An argument as JSON; a file inside the workspace as its place and content."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(team, asdict(value))
    if isinstance(value, dict):
        return {str(name): _plain(team, part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(team, part) for part in value]
    if isinstance(value, str) and value.startswith(str(team.workspace.root)) and Path(value).is_file():
        return [os.path.relpath(value, team.workspace.root), hashlib.sha256(Path(value).read_bytes()).hexdigest()]
    return value


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


@contextmanager
def _alone(template: Path) -> Iterator[None]:
    """One worker makes a template, and the others wait for it."""
    with template.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _keep(team: Worker, template: Path, result: object) -> None:
    making = template.with_suffix(".making")
    shutil.copytree(team.workspace.root, making / "workspace")
    state = {"moment": team.clock.moment.isoformat(), "unused": len(team.unused), "result": result}
    (making / "state.json").write_text(json.dumps(state))
    making.rename(template)


def _restored(team: Worker, template: Path) -> object:
    root = team.workspace.root
    for path in root.glob("runlog.*"):
        path.unlink()
    shutil.copytree(template / "workspace", root, dirs_exist_ok=True)
    state = json.loads((template / "state.json").read_text())
    team.clock.moment = datetime.fromisoformat(state["moment"])
    del team.unused[: len(team.unused) - state["unused"]]
    return state["result"]
