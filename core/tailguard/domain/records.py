"""Records: normal form, identity, and the Arrow schemas in which they travel between stages."""

from __future__ import annotations

import hashlib
import unicodedata

import pyarrow as pa

from tailguard.domain.tags import Tag, spans_text

RECORD = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.string()),
        ("source", pa.string()),
        ("batch", pa.string()),
        ("declared", pa.string()),
        ("declared_by", pa.string()),
        ("origin", pa.string()),
        ("evidence", pa.string()),
        ("reason", pa.string()),
        ("by", pa.string()),
        ("held", pa.bool_()),
        ("share", pa.float64()),
        ("spans", pa.string()),
        ("score", pa.float64()),
        ("tokens", pa.int64()),
        ("meta", pa.string()),
        ("tag_digest", pa.string()),
    ],
    metadata={"tailguard": "tailguard-records/2"},
)
"""A record with its tag in its own row.

`declared` is what its source said and `declared_by` where it said so; `origin`, `evidence`, `reason`, `by`, `held`, `share`
and `spans` are the tag, and `tag_digest` its digest, which the ledger holds too. `score` is the detector's (log-odds of
being model-made), or null. `tokens` counts pieces between white space. `meta` is JSON: what else the file said of it.
"""

LEDGER = pa.schema(
    [
        RECORD.field(name)
        for name in ("id", "origin", "evidence", "reason", "by", "held", "share", "spans", "tag_digest")
    ],
    metadata={"tailguard": "tailguard-ledger/2"},
)
"""The tag ledger of a batch: the tags without the texts. Its Merkle root stands in the run log."""

SCORED = pa.schema(
    [
        *RECORD,
        ("quality", pa.float64()),
        ("diversity", pa.float64()),
        ("reliability", pa.float64()),
        ("priority", pa.float64()),
        ("slice", pa.string()),
        ("explanation", pa.string()),
        ("outcome", pa.string()),
        ("outcome_reason", pa.string()),
        ("position", pa.int64()),
        ("running_ratio", pa.float64()),
    ],
    metadata={"tailguard": "tailguard-scored/2"},
)
"""A scored record. `outcome` is kept, dropped or flagged; flagged ones carry their order and the ratio they would make.

`quality`, `diversity` and `reliability` are 0 to 1, `explanation` is JSON with what each is made of; `priority` (0 to 1)
orders the synthetic ones; `slice` is what the record's own metadata says, or `all`.
"""


def tag_columns(tag: Tag) -> dict[str, object]:
    """A tag as it stands in a record's row."""
    return {
        "origin": str(tag.origin),
        "evidence": str(tag.evidence),
        "reason": tag.reason,
        "by": tag.by,
        "held": tag.held,
        "share": tag.share,
        "spans": spans_text(tag.spans),
        "tag_digest": tag.digest,
    }


def normal_form(text: str) -> str:
    """The text by which two records are the same: NFC, white space collapsed, ends trimmed."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def record_id(text: str) -> str:
    """Identity of a record: the first 32 hex digits of the SHA-256 of its normal form."""
    return hashlib.sha256(normal_form(text).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def token_count(text: str) -> int:
    """Pieces between white space, the unit in which ratios in tokens are counted."""
    return len(text.split())
