"""The tables of version 5: flows and loops, plays and their audit, incidents and drills, hand-off, reproduction."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

TEXT, COUNT, FLAG = sa.Text(), sa.BigInteger(), sa.Boolean()
SECONDS: sa.Double[float] = sa.Double()

TABLES: dict[str, dict[str, Any]] = {
    "flows_declared": {
        "digest": TEXT,
        "text": TEXT,
    },
    "lineage_imported": {
        "file": TEXT,
        "digest": TEXT,
        "form": TEXT,
        "datasets": COUNT,
        "jobs": COUNT,
        "edges": COUNT,
    },
    "imported_node": {
        "digest": TEXT,
        "name": TEXT,
        "kind": TEXT,
    },
    "imported_edge": {
        "digest": TEXT,
        "source": TEXT,
        "target": TEXT,
    },
    "checkpoint_confirmed": {
        "checkpoint": TEXT,
        "evidence": TEXT,
    },
    "loops_reviewed": {
        "loops": TEXT,
        "unguarded": COUNT,
        "note": TEXT,
    },
    "alert_taken": {
        "alert": TEXT,
        "note": TEXT,
    },
    "play_attested": {
        "play": TEXT,
        "month": TEXT,
        "running": FLAG,
        "evidence": TEXT,
        "note": TEXT,
    },
    "play_handed_over": {
        "play": TEXT,
        "before": TEXT,
        "after": TEXT,
    },
    "runbook_revised": {
        "digest": TEXT,
        "note": TEXT,
    },
    "incident_opened": {
        "incident": TEXT,
        "kind": TEXT,
        "lineage": TEXT,
        "generation": TEXT,
        "trigger": TEXT,
        "what": TEXT,
    },
    "incident_step": {
        "incident": TEXT,
        "step": TEXT,
        "seconds": SECONDS,
        "machine_seconds": SECONDS,
        "evidence": TEXT,
    },
    "incident_gap": {
        "incident": TEXT,
        "gap": TEXT,
        "what": TEXT,
    },
    "incident_closed": {
        "incident": TEXT,
        "cause": TEXT,
        "play": TEXT,
        "change": TEXT,
    },
    "contamination_audited": {
        "incident": TEXT,
        "run": TEXT,
        "source": TEXT,
        "origin": TEXT,
        "records": COUNT,
        "doubtful": COUNT,
        "why": TEXT,
        "report": TEXT,
    },
    "deviation_noted": {
        "run": TEXT,
        "what": TEXT,
        "why": TEXT,
    },
    "reproduced": {
        "run": TEXT,
        "record": TEXT,
        "identical": FLAG,
        "compared": COUNT,
        "differences": TEXT,
    },
    "evidence_packed": {
        "manifest": TEXT,
        "files": COUNT,
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
