"""From evidence to tags. Order: our own logged output, the declaration of a trusted source, review, the detector.

The detector may take a declaration's word away; it never makes an undeclared record human.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tailguard.domain.own_output import MatchKind, match_label
from tailguard.domain.reasons import Reason
from tailguard.domain.sources import Contract
from tailguard.domain.tags import WHOLE_SHARE, Evidence, Origin, Spans, Tag, spans_of
from tailguard.policy.model import Intake


@dataclass(frozen=True)
class Word:
    """What a source says of a record, and where it says so: a field of the record, `batch`, `contract`, or nowhere."""

    origin: Origin
    by: str


@dataclass(frozen=True)
class Rules:
    """How one source's records are tagged."""

    source: str
    declared: Origin
    contract: Contract | None
    policy: Intake
    detector: str

    @property
    def trusted(self) -> bool:
        """Whether this source's declarations are believed until evidence speaks against them."""
        listed = not self.policy.trusted_sources or self.source in self.policy.trusted_sources
        signed = self.contract is not None and self.contract.signed_by is not None
        return listed and (signed or not self.policy.require_sign_off)

    def word(self, row: Mapping[str, Any]) -> Word:
        """What is declared for a record: by itself, else by its batch, else by its source's contract."""
        if row["declared"] is not None:
            return Word(Origin(row["declared"]), row["declared_by"])
        if self.declared is not Origin.UNKNOWN:
            return Word(self.declared, "batch")
        if self.contract:
            return Word(Origin(self.contract.declared), "contract")
        return Word(Origin.UNKNOWN, "")

    def tag(self, row: Mapping[str, Any]) -> Tag:
        """The tag of a record that was read and judged."""
        word = self.word(row)
        if row["match"]:
            return self._own(row, word)
        if broken := self._breach(word):
            return self._held(row, Reason.AGAINST_CONTRACT, Evidence.NONE, broken)
        if word.origin is not Origin.UNKNOWN and self.trusted:
            return self._declared(row, word)
        return self._undeclared(row, word)

    def _own(self, row: Mapping[str, Any], word: Word) -> Tag:
        prefix = f"declared {word.origin}, but " if word.origin in (Origin.HUMAN, Origin.UNKNOWN) and word.by else ""
        if row["match"] == MatchKind.PASSAGE:
            reason = f"{prefix}{row['match_share']:.0%} of it was written by {row['generation']}"
            share, spans = float(row["match_share"]), spans_of(row["match_spans"])
            if row["verdict"] == Origin.AI:
                share, reason = 1.0, f"{reason}, and the rest looks model-made"
            return self._made(row, Origin.MIXED, Evidence.OWN_OUTPUT, reason, "own outputs", share, spans)
        reason = f"{prefix}{match_label(row['match'])} of what {row['generation']} wrote"
        return self._made(row, Origin.AI, Evidence.OWN_OUTPUT, reason, "own outputs", 1.0, ())

    def _breach(self, word: Word) -> str | None:
        """A source that declares other than its contract says is not believed in either."""
        if (
            self.contract is None
            or word.by in ("", "contract")
            or self.contract.declared in (word.origin, Origin.MIXED)
        ):
            return None
        return f"{word.by} declares {word.origin}, the contract of its source says {self.contract.declared}"

    def _declared(self, row: Mapping[str, Any], word: Word) -> Tag:
        if word.origin is Origin.HUMAN and row["verdict"] in (Origin.AI, Origin.MIXED):
            looks = "looks model-made" if row["verdict"] == Origin.AI else f"{row['share']:.0%} of it looks model-made"
            words = f"declared human, {looks}"
            return self._held(row, Reason.LOOKS_MODEL_MADE, Evidence.DETECTOR, words, spans_of(row["spans"]))
        reason = f"declared {word.origin} by its {word.by}"
        by = self.contract.signed_by if self.contract and self.contract.signed_by else self.source
        share = WHOLE_SHARE[word.origin]
        return self._made(row, word.origin, Evidence.DECLARATION, reason, by, share, ())

    def _undeclared(self, row: Mapping[str, Any], word: Word) -> Tag:
        if row["verdict"] == Origin.AI:
            return self._made(
                row, Origin.AI, Evidence.DETECTOR, "no trusted declaration, looks model-made", self.detector, 1.0, ()
            )
        if row["verdict"] == Origin.MIXED:
            share = float(row["share"])
            reason = f"no trusted declaration, {share:.0%} of it looks model-made"
            return self._held(row, Reason.PARTLY_MODEL_MADE, Evidence.DETECTOR, reason, spans_of(row["spans"]))
        if word.origin is Origin.UNKNOWN:
            return self._held(row, Reason.NO_DECLARATION, Evidence.NONE, "no declared origin")
        if self.policy.require_sign_off:
            kind, why = Reason.UNSIGNED_CONTRACT, "whose contract is not signed"
        else:
            kind, why = Reason.UNTRUSTED_SOURCE, "that is not trusted"
        return self._held(row, kind, Evidence.NONE, f"declared {word.origin} by a source {why}")

    def _made(
        self,
        row: Mapping[str, Any],
        origin: Origin,
        evidence: Evidence,
        reason: str,
        by: str,
        share: float,
        spans: Spans,
    ) -> Tag:
        return Tag(row["id"], origin, evidence, reason, by, share=share, spans=spans)

    def _held(self, row: Mapping[str, Any], kind: Reason, evidence: Evidence, words: str, spans: Spans = ()) -> Tag:
        by = self.detector if evidence is Evidence.DETECTOR else "intake"
        return Tag(row["id"], Origin.UNKNOWN, evidence, words, by, share=1.0, spans=spans, held_for=kind)


def demoted(tag: Tag, conflict: str, detector: str) -> Tag:
    """A human tag in a batch whose declaration is not believed as a whole."""
    if tag.origin is not Origin.HUMAN:
        return tag
    return replace(
        tag,
        origin=Origin.UNKNOWN,
        evidence=Evidence.DETECTOR,
        reason=conflict,
        by=detector,
        share=1.0,
        held_for=Reason.BATCH_CONFLICT,
    )
