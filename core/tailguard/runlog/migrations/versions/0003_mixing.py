"""The tables of version 3: quality rules, cells by slice, ratio bounds, the anchor's changes, clearances, meetings, ceilings."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TEXT, COUNT, FLAG, TIME = sa.Text(), sa.BigInteger(), sa.Boolean(), sa.DateTime()
SHARE: sa.Double[float] = sa.Double()

TABLES: dict[str, dict[str, Any]] = {
    "rule_failed": {"run": TEXT, "source": TEXT, "origin": TEXT, "family": TEXT, "rule": TEXT, "records": COUNT},
    "slice_coverage": {
        "run": TEXT,
        "slice": TEXT,
        "origin": TEXT,
        "before": COUNT,
        "after": COUNT,
        "records_before": COUNT,
        "records_after": COUNT,
        "likely_loss": SHARE,
        "narrowed": FLAG,
    },
    "ratio_measured": {
        "run": TEXT,
        "snapshot": TEXT,
        "unit": TEXT,
        "ratio": SHARE,
        "low": SHARE,
        "high": SHARE,
        "ceiling": SHARE,
        "enforced_on": TEXT,
    },
    "earlier_human_kept": {"run": TEXT, "previous": TEXT, "before": COUNT, "kept": COUNT, "allowed_loss": SHARE},
    "anchor_changed": {"anchor": TEXT, "previous": TEXT, "action": TEXT, "records": COUNT, "reason": TEXT},
    "anchor_slice": {"anchor": TEXT, "slice": TEXT, "records": COUNT, "tokens": COUNT},
    "anchor_verified": {"anchor": TEXT, "records": COUNT, "intact": FLAG},
    "clearance_signed": {
        "run": TEXT,
        "snapshot": TEXT,
        "content": TEXT,
        "statement": TEXT,
        "expires": TIME,
    },
    "mixing_audited": {"run": TEXT, "snapshot": TEXT, "signed": FLAG, "note": TEXT},
    "override_renewal": {"override": TEXT, "renews": TEXT},
    "meeting_started": {"meeting": TEXT, "agenda": TEXT},
    "meeting_attended": {"meeting": TEXT, "person": TEXT, "present": FLAG},
    "meeting_decided": {"meeting": TEXT, "override": TEXT, "decision": TEXT, "note": TEXT},
    "meeting_ended": {"meeting": TEXT, "minutes": TEXT, "decided": COUNT, "open_items": COUNT},
    "ceiling_calibrated": {
        "lineage": TEXT,
        "experiment": TEXT,
        "measure": TEXT,
        "generations": COUNT,
        "repeats": COUNT,
        "margin": SHARE,
        "recommended": SHARE,
        "smallest_cell": COUNT,
        "closed_form": SHARE,
        "ceiling": SHARE,
    },
    "ceiling_point": {
        "experiment": TEXT,
        "lineage": TEXT,
        "share": SHARE,
        "generation": COUNT,
        "value": SHARE,
        "low": SHARE,
        "high": SHARE,
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
