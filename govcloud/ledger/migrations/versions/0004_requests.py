"""Requests: what units asked for, each step of that, and what is held for it meanwhile."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Three tables that nothing older refers to."""
    op.create_table(
        "request",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("unit", sa.String(63), nullable=False),
        sa.Column("applicant", sa.String(63), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("document", sa.String(32), nullable=False),
        sa.Column("plan", sa.String(32), nullable=False),
        sa.Column("effect", sa.String(32), nullable=False),
        sa.Column("starts_on", sa.String(10), server_default="", nullable=False),
        sa.Column("until", sa.String(10), server_default="", nullable=False),
        sa.Column("submitted", sa.Float(), nullable=False),
        sa.Column("changed", sa.Float(), nullable=False),
        sa.Column("run", sa.String(40), server_default="", nullable=False),
    )
    op.create_index("request_state", "request", ["state"])
    op.create_table(
        "request_event",
        sa.Column("request", sa.String(63), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("event", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("person", sa.String(63), server_default="", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("data", sa.Text(), server_default="{}", nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
    )
    op.create_table(
        "reservation",
        sa.Column("request", sa.String(63), primary_key=True),
        sa.Column("kind", sa.String(40), primary_key=True),
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("pool", sa.Text(), primary_key=True),
        sa.Column("amount", sa.Float(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
    )
    op.create_index("reservation_pool", "reservation", ["pool"])
