"""What an apply to trust keeps beside a run: approvals, emergencies, facts, kept files, notices, secrets."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Each part of the ledger that grew has a step of its own below."""
    _incarnations()
    _attempts()
    _notices()
    _site_stacks()
    hosts()
    _guards()


def _incarnations() -> None:
    """Two incarnations of one entry may stand in a stack while the former makes way for the next."""
    op.create_table(
        "applied_next",
        sa.Column("scope", sa.Text(), primary_key=True),
        sa.Column("uid", sa.String(16), primary_key=True),
        sa.Column("incarnation", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.Column("inputs", sa.Text(), nullable=False),
        sa.Column("run", sa.String(40)),
        sa.Column("at", sa.Float(), nullable=False),
    )
    columns = "scope, uid, incarnation, digest, inputs, run, at"
    op.execute(f"INSERT INTO applied_next ({columns}) SELECT {columns} FROM applied")
    op.drop_table("applied")
    op.rename_table("applied_next", "applied")


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


def _guards() -> None:
    """What people signed, what let a run go past its guards, and what is to be approved afterwards."""
    op.create_index("audit_at", "audit", ["at"])
    op.create_table(
        "approval",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("purpose", sa.String(40), nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("effect", sa.String(32), nullable=False),
        sa.Column("person", sa.String(63), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("public", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("revoked", sa.Float()),
        sa.Column("revoked_by", sa.Text(), server_default="", nullable=False),
        sa.Column("revoked_note", sa.Text(), server_default="", nullable=False),
        sa.Column("spent", sa.String(40), server_default="", nullable=False),
    )
    op.create_index("approval_effect", "approval", ["effect"])
    op.create_table(
        "clearance",
        sa.Column("run", sa.String(40), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("how", sa.String(16), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
    )
    op.create_table(
        "emergency",
        sa.Column("run", sa.String(40), primary_key=True),
        sa.Column("effect", sa.String(32), nullable=False),
        sa.Column("person", sa.String(63), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("due", sa.Float(), nullable=False),
    )


def _site_stacks() -> None:
    """What a site's own stacks hold."""
    op.create_table(
        "site_stack",
        sa.Column("name", sa.String(31), primary_key=True),
        sa.Column("workspace", sa.String(63), nullable=False),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.Column("plugins", sa.Text(), nullable=False),
        sa.Column("resources", sa.Text(), nullable=False),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.Column("run", sa.String(40), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
    )
