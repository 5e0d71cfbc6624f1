"""The table of version 7: findings that somebody took."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

COLUMNS = ("finding", "what", "note")


def upgrade() -> None:
    """Create the table; every column has a value in every row."""
    own = [sa.Column(column, sa.Text(), nullable=False) for column in COLUMNS]
    op.create_table("finding_taken", sa.Column("id", sa.Text(), nullable=False), *own)


def downgrade() -> None:
    """Drop it again."""
    op.drop_table("finding_taken")
