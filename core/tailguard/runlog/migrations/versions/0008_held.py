"""The table of version 8: which records a run held."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

COLUMNS = ("run", "batch", "source", "records")


def upgrade() -> None:
    """Create the table; every column has a value in every row."""
    own = [sa.Column(column, sa.Text(), nullable=False) for column in COLUMNS]
    op.create_table("records_held", sa.Column("id", sa.Text(), nullable=False), *own)


def downgrade() -> None:
    """Drop it again."""
    op.drop_table("records_held")
