"""The table of version 6: attempts that a role does not allow."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

TEXT = sa.Text()

TABLES: dict[str, dict[str, Any]] = {
    "attempt_refused": {
        "action": TEXT,
        "why": TEXT,
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
