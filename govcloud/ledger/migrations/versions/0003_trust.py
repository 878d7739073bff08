"""What an apply to trust keeps beside a run: approvals, emergencies, facts, kept files, notices, secrets."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Each part of the ledger that grew has a step of its own below."""
