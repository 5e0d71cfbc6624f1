"""Reads policy.toml, and writes the one that a team begins with. A mistake is named with its line."""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
import types
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from tailguard.errors import InputError
from tailguard.policy.model import Policy
from tailguard.shipped import shipped


def policy_digest(text: str) -> str:
    """The name of a policy: SHA-256 of its bytes."""
    return hashlib.sha256(text.encode()).hexdigest()


def template(name: str, profile: str = "full") -> str:
    """The commented policy that `tailguard init` writes; it works with only a name filled in."""
    text = shipped("data", "policy.toml").read_text(encoding="utf-8")
    text = text.replace('profile = "full" ', f'profile = "{profile}" ')
    return text.replace("{name}", name.replace("\\", "\\\\").replace('"', '\\"'))


def read_policy(path: Path) -> tuple[Policy, str]:
    """The policy in a file, and the file's text. Raises InputError naming file, line, what was expected and found."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError(
            f"There is no policy at {path}. Run `tailguard init` in that folder, or copy your team's policy to it."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}).") from error
    return parse_policy(text, str(path)), text


def parse_policy(text: str, where: str) -> Policy:
    """Parse and check a policy. `where` names it in messages."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{where} is not valid TOML: {error}. Fix that line.") from error
    try:
        return Policy.model_validate(_tuples(content))
    except ValidationError as error:
        raise InputError("\n".join(_told(problem, text, where) for problem in error.errors())) from error


def _tuples(value: Any) -> Any:
    """TOML arrays as tuples, which the strict models expect."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _told(problem: Any, text: str, where: str) -> str:
    path = [str(part) for part in problem["loc"]]
    name = ".".join(path) or "the policy"
    location = f"{where} line {_line_of(text, path)}" if path else where
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(path[-1], _known_keys(path[:-1]), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else f" Known here: {', '.join(_known_keys(path[:-1]))}."
        return f"{location}: unknown key {name!r}.{hint}"
    if path[:1] == ["plays"] and problem["type"] == "string_type" and isinstance(problem["input"], tuple):
        return f"{location}: {name} has {len(problem['input'])} owners. A play has exactly one; write one name."
    if problem["type"] == "missing":
        return f"{where}: {name} is missing. Add it; `tailguard init --print` shows a complete policy."
    actual = "" if not path else f", found {problem['input']!r}"
    return f"{location}: {name}: {problem['msg'].removeprefix('Value error, ')}{actual}."


def _known_keys(path: list[str]) -> list[str]:
    """The keys that the policy knows under a path; none where keys are names that a team chooses."""
    kind: Any = Policy
    for part in path:
        if get_origin(kind) is dict:
            kind = get_args(kind)[1]
            continue
        kind = kind.model_fields[part].annotation
        if get_origin(kind) in (Union, types.UnionType):
            kind = next(argument for argument in get_args(kind) if argument is not type(None))
    return sorted(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else []


def _line_of(text: str, path: list[str]) -> int:
    """The line (from 1) on which a key stands, or its table, or 1."""
    table, best = "", 1
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line):
            table = header.group(1).replace('"', "").replace(" ", "")
            if path[: len(table.split("."))] == table.split("."):
                best = max(best, number)
            continue
        if key := re.match(r'\s*"?([^"=\s]+)"?\s*=', line):
            full = [*([part for part in table.split(".") if part]), *key.group(1).split(".")]
            if path[: len(full)] == full:
                return number
    return best
