"""Records: normal form, identity, and the Arrow schemas in which they travel between stages."""

from __future__ import annotations

import hashlib
import unicodedata

import pyarrow as pa

RECORD = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.string()),
        ("source", pa.string()),
        ("batch", pa.string()),
        ("declared", pa.string()),
        ("origin", pa.string()),
        ("evidence", pa.string()),
        ("reason", pa.string()),
        ("held", pa.bool_()),
        ("tokens", pa.int64()),
        ("tag_digest", pa.string()),
    ]
)
"""A tagged record. `tokens` counts pieces between white space; `tag_digest` is the digest of its tag in the ledger."""

LEDGER = pa.schema(
    [(name, RECORD.field(name).type) for name in ("id", "origin", "evidence", "reason", "held", "tag_digest")]
)
"""The tag ledger of a batch: the tags without the texts."""

SCORED = pa.schema(
    [
        *RECORD,
        ("quality", pa.float64()),
        ("diversity", pa.float64()),
        ("reliability", pa.float64()),
        ("explanation", pa.string()),
        ("outcome", pa.string()),
        ("outcome_reason", pa.string()),
        ("position", pa.int64()),
        ("running_ratio", pa.float64()),
    ]
)
"""A scored record. `outcome` is kept, dropped or flagged; flagged ones carry their order and the ratio they would make."""


def normal_form(text: str) -> str:
    """The text by which two records are the same: NFC, white space collapsed, ends trimmed."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def record_id(text: str) -> str:
    """Identity of a record: the first 32 hex digits of the SHA-256 of its normal form."""
    return hashlib.sha256(normal_form(text).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def token_count(text: str) -> int:
    """Pieces between white space, the unit in which ratios in tokens are counted."""
    return len(text.split())
