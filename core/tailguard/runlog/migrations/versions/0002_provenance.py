"""The tables of version 2: ledgers, estimated shares, our own output found, drift, contracts, opinions of reviewers."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TEXT, COUNT, FLAG, TIME = sa.Text(), sa.BigInteger(), sa.Boolean(), sa.DateTime()
SHARE: sa.Double[float] = sa.Double()

BATCH = {"run": TEXT, "batch": TEXT, "source": TEXT}
TABLES: dict[str, dict[str, Any]] = {
    "ledger_kept": {**BATCH, "ledger": TEXT, "root": TEXT, "tags": COUNT},
    "share_estimated": {
        **BATCH,
        "pool": TEXT,
        "method": TEXT,
        "share": SHARE,
        "low": SHARE,
        "high": SHARE,
        "records": COUNT,
    },
    "own_output_found": {**BATCH, "generation": TEXT, "kind": TEXT, "records": COUNT, "example": TEXT},
    "drift_checked": {
        **BATCH,
        "detector": TEXT,
        "records": COUNT,
        "distance": SHARE,
        "allowed": SHARE,
        "drifted": FLAG,
    },
    "source_contract": {
        "source": TEXT,
        "owner": TEXT,
        "licence": TEXT,
        "declared": TEXT,
        "since": TIME,
        "note": TEXT,
    },
    "source_signed_off": {"source": TEXT, "contract": TEXT, "signed": FLAG, "note": TEXT},
    "review_opinion": {
        "record": TEXT,
        "batch": TEXT,
        "source": TEXT,
        "origin": TEXT,
        "code": TEXT,
        "note": TEXT,
        "held_since": TIME,
        "seconds": SHARE,
    },
}


def upgrade() -> None:
    """Create the tables; every column has a value in every row."""
    for name, columns in TABLES.items():
        own = [sa.Column(column, kind, nullable=False) for column, kind in columns.items()]
        op.create_table(name, sa.Column("id", TEXT, nullable=False), *own)


def downgrade() -> None:
    """Drop them again."""
    for name in reversed(TABLES):
        op.drop_table(name)
