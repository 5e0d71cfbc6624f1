"""The frozen references: anchor and suite, and how the anchor stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tailguard.domain.facts import AnchorChanged, AnchorFrozen, AnchorSlice, SuiteFrozen
from tailguard.policy.model import Anchor
from tailguard.runlog.view import LogView, Recorded, latest


def frozen_anchor(view: LogView) -> Recorded[AnchorFrozen] | None:
    """The anchor set in force."""
    return latest(view.recorded(AnchorFrozen))


def frozen_suite(view: LogView) -> Recorded[SuiteFrozen] | None:
    """The evaluation suite in force."""
    return latest(view.recorded(SuiteFrozen))


YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Thin:
    """Where the anchor holds fewer records than the policy wants: as a whole (no subject), or in a slice."""

    subject: tuple[str, ...]
    words: str


@dataclass(frozen=True, kw_only=True)
class AnchorState:
    """The anchor set as it stands. Shares of the year are what may still be added or retired, in records."""

    anchor: str
    name: str
    records: int
    tokens: int
    rare_terms: int
    frozen: datetime
    renewed: datetime
    slices: dict[str, int]
    may_add: int
    may_retire: int
    stale: bool
    thin: tuple[Thin, ...]

    @property
    def text(self) -> str:
        """For a person at a terminal."""
        lines = [
            f"Anchor {self.name} {self.anchor[:12]}: {self.records:,} records, {self.tokens:,} tokens, "
            f"{self.rare_terms:,} rare terms.",
            f"Frozen {self.frozen:%Y-%m-%d}, last added to {self.renewed:%Y-%m-%d}"
            + (" (stale)." if self.stale else "."),
            f"This year {self.may_add:,} may still be added and {self.may_retire:,} retired.",
            *(f"  {name}: {count:,} records" for name, count in sorted(self.slices.items())),
        ]
        return "\n".join([*lines, *(f"Thin: {thin.words}." for thin in self.thin)])


def anchor_state(view: LogView, limits: Anchor, now: datetime) -> AnchorState | None:
    """The anchor as it stands at a time, from the log alone; None where none is frozen."""
    versions = view.recorded(AnchorFrozen)
    if not versions:
        return None
    newest = versions[-1].fact
    changes = view.recorded(AnchorChanged)
    slices = {row.fact.slice: row.fact.records for row in view.recorded(AnchorSlice, anchor=newest.anchor)}
    renewed = max([versions[0].recorded, *(change.recorded for change in changes if change.fact.action == "added")])
    thin = (
        []
        if newest.records >= limits.min_records
        else [Thin((), f"{newest.records:,} records, {limits.min_records:,} wanted")]
    )
    thin += [
        Thin((name,), f"slice {name} has {count:,} records, {limits.min_slice_records:,} wanted")
        for name, count in sorted(slices.items())
        if count < limits.min_slice_records
    ]
    added, retired = (left_this_year(versions, changes, action, limits, now) for action in ("added", "retired"))
    return AnchorState(
        anchor=newest.anchor,
        name=newest.name,
        records=newest.records,
        tokens=newest.tokens,
        rare_terms=newest.rare_terms,
        frozen=versions[0].recorded,
        renewed=renewed,
        slices=slices,
        may_add=added,
        may_retire=retired,
        stale=now - renewed > timedelta(days=limits.max_age_days),
        thin=tuple(thin),
    )


def left_this_year(
    versions: Sequence[Recorded[AnchorFrozen]],
    changes: Sequence[Recorded[AnchorChanged]],
    action: str,
    limits: Anchor,
    now: datetime,
) -> int:
    """How many records may still be added or retired within the year that ends now."""
    before = [version for version in versions if version.recorded <= now - YEAR] or list(versions[:1])
    share = getattr(limits, f"max_{action}_per_year")
    done = sum(
        change.fact.records for change in changes if change.fact.action == action and change.recorded > now - YEAR
    )
    return max(0, int(before[-1].fact.records * share + 1e-9) - done)
