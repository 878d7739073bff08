"""What an apply to trust keeps beside a run: approvals, emergencies, facts, kept files, notices, secrets."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Each part of the ledger that grew has a step of its own below."""
    _attempts()
    _notices()
    hosts()


def hosts() -> None:
    """What hosts say of themselves, and their files as they were before a run changed them."""
    op.create_table(
        "host_fact",
        sa.Column("uid", sa.String(16), primary_key=True),
        sa.Column("host", sa.String(63), nullable=False),
        sa.Column("run", sa.String(40), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
    )
    op.create_table(
        "kept_file",
        sa.Column("run", sa.String(40), primary_key=True),
        sa.Column("host", sa.String(63), primary_key=True),
        sa.Column("path", sa.Text(), primary_key=True),
        sa.Column("uid", sa.String(16), nullable=False),
        sa.Column("there", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.Column("mode", sa.Integer(), nullable=False),
        sa.Column("owner", sa.BigInteger(), nullable=False),
        sa.Column("grp", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("left_out", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
    )


def _attempts() -> None:
    """What a run's timeline is drawn from: its processes, and each time that a stage was begun."""
    op.create_table(
        "leg",
        sa.Column("run", sa.String(40), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("started", sa.Float(), nullable=False),
        sa.Column("alive", sa.Float(), nullable=False),
        sa.Column("ended", sa.Float()),
    )
    op.create_table(
        "attempt",
        sa.Column("run", sa.String(40), primary_key=True),
        sa.Column("stage", sa.Text(), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("leg", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("started", sa.Float(), nullable=False),
        sa.Column("ended", sa.Float()),
        sa.Column("words", sa.Text(), server_default="", nullable=False),
    )


def _notices() -> None:
    """The outbox: what people are told, and to which channel it goes."""
    op.create_table(
        "notice",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("event", sa.String(40), nullable=False),
        sa.Column("run", sa.String(40)),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
    )
    op.create_table(
        "delivery",
        sa.Column("notice", sa.String(40), primary_key=True),
        sa.Column("channel", sa.String(63), primary_key=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due", sa.Float(), nullable=False),
        sa.Column("words", sa.Text(), server_default="", nullable=False),
        sa.Column("sent", sa.Float()),
    )
    op.create_index("delivery_due", "delivery", ["status", "due"])
