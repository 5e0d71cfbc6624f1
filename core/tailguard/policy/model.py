"""The policy as one frozen value: ceilings, margins, error rates, owners, roles, and who may do what."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from tailguard.domain.gates import Mode
from tailguard.domain.measures import BY_SLICE, MARGINS, Measure
from tailguard.domain.roles import ALLOWED, Right, Role
from tailguard.errors import InputError
from tailguard.policy.adapters import Deploy, Detectors, Generators, MlflowRegistry, Trainers
from tailguard.policy.values import Count, Days, Name, Positive, Share, Strict
from tailguard.ports import Columns

PLAYS = ("provenance", "mixing", "loops", "monitoring", "drill")
PROFILES: dict[str, tuple[str, ...]] = {
    "full": PLAYS,
    "small": ("provenance", "mixing", "monitoring"),
    "api-only": ("provenance", "loops", "monitoring"),
}
_LINEAGE = re.compile(r"^[a-z0-9][a-z0-9_-]{0,39}$")


class Roles(Strict):
    """Who may do what: names or e-mail addresses, and `group:NAME` for a group of the provider's. An empty `approver` means
    the quality owner, an empty `viewer` everybody."""

    viewer: tuple[Name, ...] = ()
    engineer: tuple[Name, ...] = ()
    reviewer: tuple[Name, ...] = ()
    data_lead: tuple[Name, ...] = ()
    approver: tuple[Name, ...] = ()


class SignIn(Strict):
    """The claims of the OpenID provider that name a person, and the groups that `group:NAME` stands for."""

    name: Name = "email"
    groups: Name = "groups"


class Intake(Strict):
    """Limits of the first stage."""

    max_reject_share: Share = 0.05
    min_coverage: Share = 0.90
    error_rate: Annotated[float, Field(gt=0, lt=0.5)] = 0.01
    detector: Name = "style"
    trusted_sources: tuple[Name, ...] = ()
    require_sign_off: bool = False


class SourceColumns(Strict):
    """Where one source's records hold their text and their declared origin."""

    text: Name = "text"
    origin: Name = "origin"


class ColumnNames(SourceColumns):
    """Where records hold things; `sources` has those that differ. `slice` is a field among a record's metadata."""

    slice: Name = "slice"
    sources: dict[str, SourceColumns] = Field(default_factory=dict)

    def of(self, source: str) -> Columns:
        """The names in force for a source."""
        source_columns = self.sources.get(source, self)
        return Columns(source_columns.text, source_columns.origin)


class Review(Strict):
    """How held records are decided: by one reviewer, or by two who do not see each other's answer."""

    reviewers: Annotated[int, Field(ge=1, le=2)] = 1


class Quality(Strict):
    """Thresholds of the published rules, and two of our own: from how many words on repetition of one n-gram is asked for,
    and how alike two records are that count as near-duplicates."""

    min_words: Count = 8
    max_words: Count = 100_000
    min_mean_word_length: Positive = 3
    max_mean_word_length: Positive = 10
    max_symbol_ratio: Positive = 0.1
    max_bullet_lines: Share = 0.9
    max_ellipsis_lines: Share = 0.3
    min_alpha_words: Share = 0.8
    min_stop_words: Count = 2
    max_dup_paragraphs: Share = 0.3
    max_dup_paragraph_characters: Share = 0.2
    max_dup_lines: Share = 0.3
    max_dup_line_characters: Share = 0.2
    max_top_2_gram: Share = 0.20
    max_top_3_gram: Share = 0.18
    max_top_4_gram: Share = 0.16
    max_dup_5_grams: Share = 0.15
    max_dup_6_grams: Share = 0.14
    max_dup_7_grams: Share = 0.13
    max_dup_8_grams: Share = 0.12
    max_dup_9_grams: Share = 0.11
    max_dup_10_grams: Share = 0.10
    min_sentences: Count = 1
    max_filler: Count = 0
    max_curly_brackets: Count = 0
    longest_word: Count = 1000
    min_terminal_lines: Share = 0.12
    max_short_lines: Share = 0.67
    short_line: Count = 30
    max_dup_line_share: Share = 0.01
    max_newlines: Positive = 0.3
    short_text_words: Count = 50
    near_duplicate: Annotated[float, Field(ge=0.5, le=1)] = 0.8
    contamination_words: Annotated[int, Field(ge=8, le=64)] = 13


class Score(Strict):
    """Quality thresholds of the filter, by origin."""

    synthetic_quality: Share = 0.95
    rare_quality: Share = 0.90
    human_quality: Share = 0.75
    max_tail_loss: Share = 0.05


class Weights(Strict):
    """What the three scores weigh in the order in which synthetic records are taken."""

    quality: Positive = 0.3
    diversity: Positive = 0.5
    reliability: Positive = 0.2

    @model_validator(mode="after")
    def _some(self) -> Weights:
        if not self.quality + self.diversity + self.reliability:
            raise ValueError("one of the weights must be above 0")
        return self


class Compose(Strict):
    """How synthetic records are chosen, and how much of the earlier human text a set may leave out before it is a finding."""

    strategy: Literal["best", "detector-weighted"] = "best"
    weights: Weights = Weights()
    max_human_loss: Share = 0.2


class Anchor(Strict):
    """How far the anchor set may change in a year, as shares of its records, and when it is old or thin."""

    max_added_per_year: Share = 0.25
    max_retired_per_year: Share = 0.05
    max_age_days: Annotated[int, Field(ge=1)] = 365
    min_records: Count = 500
    min_slice_records: Count = 50


class Clearance(Strict):
    """For how long a signed clearance is good."""

    valid_days: Annotated[int, Field(ge=1, le=90)] = 7


class Floors(Strict):
    """What the answers of a generation have to meet that nothing is compared with (shares; see diversity.floors)."""

    answered: Share = 0.9
    usable: Share = 0.8


Margins = dict[Annotated[Measure, Field(strict=False)], Annotated[float, Field(gt=0, lt=1)]]


class Gate(Strict):
    """Error rate of the comparison (one-sided), the largest loss of each measure that passes: a share of the reference's value, or
    points where the measure is in points (see domain.measures); slices of the suite that gate with margins of their own; and
    whether the quality owner has to sign a verdict off before its generation ships."""

    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    sign_off: bool = False
    floors: Floors = Floors()
    margins: Margins = Field(default_factory=lambda: dict(MARGINS))
    slices: dict[Name, Annotated[Margins, Field(min_length=1)]] = Field(default_factory=dict)

    @field_validator("margins")
    @classmethod
    def _filled(cls, margins: dict[Measure, float]) -> dict[Measure, float]:
        """Measures that the policy does not name keep the shipped margin."""
        return {**MARGINS, **margins}

    @field_validator("slices")
    @classmethod
    def _measured(cls, slices: dict[str, Margins]) -> dict[str, Margins]:
        """Slices are measured by some measures only."""
        for name, margins in slices.items():
            for measure in margins:
                if measure not in BY_SLICE:
                    raise ValueError(f"slice {name!r} has a margin for {measure}; slices gate by {', '.join(BY_SLICE)}")
        return slices


class Evaluation(Strict):
    """Decoding on the frozen suite."""

    samples: Annotated[int, Field(ge=1, le=64)] = 8
    max_tokens: Annotated[int, Field(ge=1, le=4096)] = 40
    temperature: Annotated[float, Field(gt=0, le=5)] = 1.0


class Suite(Strict):
    """After how many days a suite is old, and groups that it must not forget, as `field=value` of the anchor's metadata."""

    max_age_days: Annotated[int, Field(ge=1)] = 365
    minority_groups: tuple[Annotated[str, Field(pattern=r"^[^=]+=.+$")], ...] = ()


class Monitoring(Strict):
    """Weekly diversity of what a model writes in production: the chance of ever raising a false alarm for one stream, and the words
    in a block. The losses that may pass are those of the gate."""

    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.01
    block_words: Annotated[int, Field(ge=50, le=100_000)] = 400


class Overrides(Strict):
    """How long an exception may last, how often all are reviewed (one that a review passes over is closed), and how often one may
    be renewed before that is a finding."""

    max_days: Annotated[int, Field(ge=1, le=366)] = 30
    review_days: Annotated[int, Field(ge=7, le=92)] = 31
    max_renewals: Count = 2


class Plays(Strict):
    """Exactly one owner a play."""

    provenance: Name
    mixing: Name
    loops: Name
    monitoring: Name
    drill: Name


class Cadence(Strict):
    """After how many days each play has to have shown itself again, the owner to have attested all, an alert to be
    acknowledged, a verdict to be signed off, and observe mode to be over."""

    provenance: Days = 31
    mixing: Days = 31
    loops: Days = 92
    monitoring: Days = 31
    drill: Days = 92
    attestation: Days = 31
    alert: Days = 7
    sign_off: Days = 7
    observe: Days = 92


class LineagePolicy(Strict):
    """What one line of generations may do."""

    mode: Annotated[Mode, Field(strict=False)] = Mode.ENFORCE
    ceiling: Share = 0.30
    enforce_on: Literal["ratio", "upper bound"] = "ratio"
    quotas: dict[Name, Share] = Field(default_factory=dict)
    trainer: Literal["ngram", "command", "hf"] = "ngram"
    generator: Literal["", "command", "endpoint", "file", "hf", "ngram"] = ""


class Policy(Strict):
    """The whole policy. `digest` names the bytes of the file that it was read from."""

    policy_version: Literal[1]
    team: Name
    profile: Literal["full", "small", "api-only"] = "full"
    quality_owner: Name
    roles: Roles = Roles()
    sign_in: SignIn = SignIn()
    columns: ColumnNames = ColumnNames()
    intake: Intake = Intake()
    detectors: Detectors = Detectors()
    review: Review = Review()
    quality: Quality = Quality()
    score: Score = Score()
    compose: Compose = Compose()
    anchor: Anchor = Anchor()
    clearance: Clearance = Clearance()
    gate: Gate = Gate()
    evaluation: Evaluation = Evaluation()
    suite: Suite = Suite()
    monitoring: Monitoring = Monitoring()
    overrides: Overrides = Overrides()
    plays: Plays
    cadence: Cadence = Cadence()
    trainers: Trainers = Trainers()
    generators: Generators = Generators()
    deploy: Deploy = Deploy()
    registry: MlflowRegistry | None = None
    lineages: Annotated[dict[str, LineagePolicy], Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> Policy:
        for name, lineage in self.lineages.items():
            if not _LINEAGE.match(name):
                raise ValueError(f"lineage {name!r}: names are lower-case letters, digits, - and _, at most 40")
            for settings, kind, wanted in (
                (self.trainers, "trainers", lineage.trainer),
                (self.generators, "generators", lineage.generator),
            ):
                if wanted in type(settings).model_fields and getattr(settings, wanted) is None:
                    raise ValueError(
                        f'lineage {name!r} has {kind[:-1]} = "{wanted}", but there is no [{kind}.{wanted}]'
                    )
        return self

    @property
    def asked_plays(self) -> tuple[str, ...]:
        """The plays that the profile asks for: five, or three in the lighter forms."""
        return PROFILES[self.profile]

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

    def roles_of(self, person: str, groups: Iterable[str] = ()) -> frozenset[Role]:
        """What a person is here, by name or by a group of the provider's."""
        known = {f"group:{group}" for group in groups}
        if not person.startswith("group:"):  # nobody becomes a group by calling himself one
            known.add(person)
        named = {
            Role.ENGINEER: self.roles.engineer,
            Role.REVIEWER: self.roles.reviewer,
            Role.DATA_LEAD: self.roles.data_lead,
            Role.APPROVER: self.approvers(),
            Role.PLAY_OWNER: tuple(getattr(self.plays, play) for play in PLAYS),
            Role.OWNER: (self.quality_owner,),
        }
        roles = {role for role, names in named.items() if known & set(names)}
        if roles or not self.roles.viewer or known & set(self.roles.viewer):
            roles.add(Role.VIEWER)
        return frozenset(roles)

    def who_may(self, right: Right) -> str:
        """The names that the policy gives a decision to, for a message."""
        keys = {
            Role.ENGINEER: ("roles.engineer", self.roles.engineer),
            Role.REVIEWER: ("roles.reviewer", self.roles.reviewer),
            Role.DATA_LEAD: ("roles.data_lead", self.roles.data_lead),
            Role.APPROVER: ("roles.approver", self.approvers()),
            Role.PLAY_OWNER: ("plays", tuple(sorted({getattr(self.plays, play) for play in PLAYS}))),
            Role.OWNER: ("quality_owner", (self.quality_owner,)),
        }
        holders = [
            f"{', '.join(names)} ({key})" for role, (key, names) in keys.items() if role in ALLOWED[right] and names
        ]
        return "; ".join(holders) or "nobody yet"

    def approvers(self) -> tuple[str, ...]:
        """Who may approve overrides."""
        return self.roles.approver or (self.quality_owner,)
