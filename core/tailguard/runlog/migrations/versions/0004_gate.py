"""The tables of version 4: secondary and slice measures, what was lost, kept reports, deployments, monitored streams, alerts."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

TEXT, COUNT, FLAG, TIME = sa.Text(), sa.BigInteger(), sa.Boolean(), sa.DateTime()
SHARE: sa.Double[float] = sa.Double()
OPTIONAL = {"replaced", "exit_code", "problem"}

TABLES: dict[str, dict[str, Any]] = {
    "secondary_measure": {
        "run": TEXT,
        "reference_kind": TEXT,
        "reference": TEXT,
        "measure": TEXT,
        "better": COUNT,
        "reference_value": SHARE,
        "candidate_value": SHARE,
        "delta": SHARE,
        "low": SHARE,
        "high": SHARE,
        "p_holm": SHARE,
        "lost": FLAG,
    },
    "slice_measure": {
        "run": TEXT,
        "reference_kind": TEXT,
        "reference": TEXT,
        "slice": TEXT,
        "tail": FLAG,
        "prompts": COUNT,
        "measure": TEXT,
        "delta": SHARE,
        "low": SHARE,
        "high": SHARE,
        "p_holm": SHARE,
        "lost": FLAG,
    },
    "case_shift": {
        "run": TEXT,
        "direction": TEXT,
        "kind": TEXT,
        "what": TEXT,
        "had": COUNT,
        "has": COUNT,
        "prompt": TEXT,
        "example": TEXT,
        "counterpart": TEXT,
    },
    "report_kept": {
        "run": TEXT,
        "reference_kind": TEXT,
        "reference": TEXT,
        "report": TEXT,
    },
    "deployed": {
        "run": TEXT,
        "lineage": TEXT,
        "action": TEXT,
        "replaced": TEXT,
        "weights": TEXT,
        "exit_code": COUNT,
        "seconds": SHARE,
    },
    "stream_frozen": {"stream": TEXT, "reference": TEXT, "texts": COUNT, "blocks": COUNT, "block_words": COUNT},
    "stream_week": {
        "stream": TEXT,
        "reference": TEXT,
        "week": TIME,
        "texts": COUNT,
        "blocks": COUNT,
        "measure": TEXT,
        "value": SHARE,
        "reference_value": SHARE,
        "margin": SHARE,
        "e_value": SHARE,
        "threshold": SHARE,
        "alarm": FLAG,
        "figures": TEXT,
    },
    "tokens_used": {"run": TEXT, "purpose": TEXT, "prompt_tokens": COUNT, "completion_tokens": COUNT},
    "alert_raised": {
        "alert": TEXT,
        "kind": TEXT,
        "subject": TEXT,
        "what": TEXT,
        "source": TEXT,
    },
    "alert_sent": {
        "alert": TEXT,
        "channel": TEXT,
        "delivered": FLAG,
        "problem": TEXT,
    },
}


def upgrade() -> None:
    """Create the tables; every column but the optional ones has a value in every row."""
    for name, columns in TABLES.items():
        own = [sa.Column(column, kind, nullable=column in OPTIONAL) for column, kind in columns.items()]
        op.create_table(name, sa.Column("id", TEXT, nullable=False), *own)


def downgrade() -> None:
    """Drop them again."""
    for name in reversed(TABLES):
        op.drop_table(name)
