"""policy.toml as one frozen value: ceilings, margins, error rates, owners, roles. A mistake is named with its line."""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tailguard.errors import InputError
from tailguard.ports import Columns
from tailguard.shipped import shipped

Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]
PLAYS = ("provenance", "mixing", "loops", "monitoring", "drill")
_LINEAGE = re.compile(r"^[a-z0-9][a-z0-9_-]{0,39}$")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Roles(_Strict):
    """Who may do what. An empty `approver` means the quality owner."""

    engineer: tuple[Name, ...] = ()
    reviewer: tuple[Name, ...] = ()
    data_lead: tuple[Name, ...] = ()
    approver: tuple[Name, ...] = ()


class Intake(_Strict):
    """Limits of the first stage."""

    max_reject_share: Share = 0.05
    min_coverage: Share = 0.90
    error_rate: Annotated[float, Field(gt=0, lt=0.5)] = 0.01
    detector: Name = "style"
    trusted_sources: tuple[Name, ...] = ()
    require_sign_off: bool = False


class SourceColumns(_Strict):
    """Where one source's records hold their text and their declared origin."""

    text: Name = "text"
    origin: Name = "origin"


class ColumnNames(SourceColumns):
    """Where records hold things; `sources` has those that differ."""

    sources: dict[str, SourceColumns] = {}

    def of(self, source: str) -> Columns:
        """The names in force for a source."""
        found = self.sources.get(source, self)
        return Columns(found.text, found.origin)


class Review(_Strict):
    """How held records are decided: by one reviewer, or by two who do not see each other's answer."""

    reviewers: Annotated[int, Field(ge=1, le=2)] = 1


class HuggingFaceDetector(_Strict):
    """A sequence classifier: a folder or name that transformers can load, and its label for model-made text."""

    model: Annotated[str, Field(min_length=1)]
    ai_label: Name


class Detectors(_Strict):
    """Settings of detectors that need some."""

    hf: HuggingFaceDetector | None = None


class Score(_Strict):
    """Quality thresholds of the filter, by origin."""

    synthetic_quality: Share = 0.75
    rare_quality: Share = 0.60
    human_quality: Share = 0.30


class Gate(_Strict):
    """Error rate of the comparison, and the margin of each primary measure."""

    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    tail_recall: Annotated[float, Field(gt=0, lt=1)] = 0.08
    type_coverage: Annotated[float, Field(gt=0, lt=1)] = 0.03
    variety: Annotated[float, Field(gt=0, lt=1)] = 0.03


class Evaluation(_Strict):
    """Decoding on the frozen suite."""

    samples: Annotated[int, Field(ge=1, le=64)] = 8
    max_tokens: Annotated[int, Field(ge=1, le=4096)] = 40
    temperature: Annotated[float, Field(gt=0, le=5)] = 1.0


class Overrides(_Strict):
    """How long an exception may last."""

    max_days: Annotated[int, Field(ge=1, le=366)] = 30


class Plays(_Strict):
    """Exactly one owner a play."""

    provenance: Name
    mixing: Name
    loops: Name
    monitoring: Name
    drill: Name


class CommandTrainer(_Strict):
    """An external trainer: the commands that train and answer, as lists of words with placeholders."""

    train: Annotated[tuple[str, ...], Field(min_length=1)]
    generate: Annotated[tuple[str, ...], Field(min_length=1)]
    timeout_minutes: Annotated[int, Field(ge=1)] = 1440


class Trainers(_Strict):
    """Settings of trainers that need some."""

    command: CommandTrainer | None = None


class LineagePolicy(_Strict):
    """What one line of generations may do."""

    mode: Literal["enforce", "observe"] = "enforce"
    ceiling: Share = 0.30
    trainer: Literal["ngram", "command"] = "ngram"


class Policy(_Strict):
    """The whole policy. `digest` names the bytes of the file that it was read from."""

    policy_version: Literal[1]
    team: Name
    quality_owner: Name
    roles: Roles = Roles()
    columns: ColumnNames = ColumnNames()
    intake: Intake = Intake()
    detectors: Detectors = Detectors()
    review: Review = Review()
    score: Score = Score()
    gate: Gate = Gate()
    evaluation: Evaluation = Evaluation()
    overrides: Overrides = Overrides()
    plays: Plays
    trainers: Trainers = Trainers()
    lineages: Annotated[dict[str, LineagePolicy], Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> Policy:
        for name, lineage in self.lineages.items():
            if not _LINEAGE.match(name):
                raise ValueError(f"lineage {name!r}: names are lower-case letters, digits, - and _, at most 40")
            if lineage.trainer == "command" and self.trainers.command is None:
                raise ValueError(f'lineage {name!r} has trainer = "command", but there is no [trainers.command]')
        return self

    def lineage(self, name: str) -> LineagePolicy:
        """The rules of one lineage. Raises InputError that lists the known ones and suggests the nearest."""
        if name not in self.lineages:
            near = difflib.get_close_matches(name, self.lineages, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            known = ", ".join(sorted(self.lineages))
            raise InputError(
                f"The policy has no lineage {name!r}. It knows {known}.{hint} Add [lineages.{name}] to policy.toml."
            )
        return self.lineages[name]

    def approvers(self) -> tuple[str, ...]:
        """Who may approve overrides."""
        return self.roles.approver or (self.quality_owner,)


def policy_digest(text: str) -> str:
    """The name of a policy: SHA-256 of its bytes."""
    return hashlib.sha256(text.encode()).hexdigest()


def template(name: str) -> str:
    """The commented policy that `tailguard init` writes; it works with only a name filled in."""
    text = shipped("data", "policy.toml").read_text(encoding="utf-8")
    return text.replace("{name}", name.replace("\\", "\\\\").replace('"', '\\"'))


def read_policy(path: Path) -> tuple[Policy, str]:
    """The policy in a file, and the file's text. Raises InputError naming file, line, what was expected and found."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError(f"There is no policy at {path}. Run `tailguard init` in that folder.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}).") from error
    return parse_policy(text, str(path)), text


def parse_policy(text: str, where: str) -> Policy:
    """Parse and check a policy. `where` names it in messages."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{where} is not valid TOML: {error}. Mend that line.") from error
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
    place = f"{where} line {_line_of(text, path)}" if path else where
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(path[-1], _known_keys(path[:-1]), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else f" Known here: {', '.join(_known_keys(path[:-1]))}."
        return f"{place}: unknown key {name!r}.{hint}"
    if path[:1] == ["plays"] and problem["type"] == "string_type" and isinstance(problem["input"], tuple):
        return f"{place}: {name} has {len(problem['input'])} owners. A play has exactly one; write one name."
    if problem["type"] == "missing":
        return f"{where}: {name} is missing. Add it; `tailguard init --print` shows a complete policy."
    found = "" if not path else f", found {problem['input']!r}"
    return f"{place}: {name}: {problem['msg'].removeprefix('Value error, ')}{found}."


def _known_keys(path: list[str]) -> list[str]:
    model: Any = Policy
    for part in path:
        if part == "lineages":
            model = dict
        elif model is dict:
            model = LineagePolicy
        elif part == "command":
            model = CommandTrainer
        elif part == "hf":
            model = HuggingFaceDetector
        elif model is ColumnNames and part == "sources":
            model = list
        elif model is list:
            model = SourceColumns
        else:
            model = model.model_fields[part].annotation
    return [] if model in (dict, list) else sorted(model.model_fields)


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
