"""The ledger in full: sources, references, addresses, quarantined audit rows, indexes for the past."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add tables and indexes. The derived ones are filled when the ledger is opened (``marks``)."""
    op.add_column("revision", sa.Column("workspace", sa.String(63), server_default="", nullable=False))
    op.create_index("claim_claimant", "claim", ["claimant", "until"])
    op.create_index("accepted_name", "accepted", ["kind", "name"])
    op.create_index("accepted_since", "accepted", ["since"])
    op.create_table(
        "source",
        sa.Column("claimant", sa.Text(), primary_key=True),
        sa.Column("digest", sa.String(32), nullable=False),
    )
    op.create_table(
        "reference",
        sa.Column("uid", sa.String(16), primary_key=True),
        sa.Column("field", sa.String(63), primary_key=True),
        sa.Column("kind", sa.String(40), primary_key=True),
        sa.Column("name", sa.String(63), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("reference_to", "reference", ["kind", "name"])
    op.create_table(
        "address",
        sa.Column("uid", sa.String(16), primary_key=True),
        sa.Column("field", sa.String(63), primary_key=True),
        sa.Column("address", sa.String(45), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("address_held", "address", ["address"])
    op.create_table(
        "quarantine",
        sa.Column("site", sa.Text(), primary_key=True),
        sa.Column("seq", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.String(60), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("found", sa.Float(), nullable=False),
    )
