"""The tables of the ledger. Alembic migrations in ``migrations/`` bring a database to this shape.

Four layers for every entry: *claims* (what each source says), *accepted* (their merge at a
revision), *applied* (what was last built, per stack and per host), *observed* (what was last
seen). Rows with ``since`` and ``until`` are valid from a revision to before a revision, so
history and "as of" come from the same table. Structured values are canonical JSON text.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

# What the ledger is bound to: environment, layers, state URL, format.
setting = Table(
    "setting",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

revision = Table(
    "revision",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),  # seconds since the epoch, UTC
    Column("actor", Text, nullable=False),
    Column("run", String(40)),
    Column("git_commit", String(64)),
    Column("message", Text, nullable=False, server_default=""),
    # Whose files it came from; a ledger may be fed by several workspaces.
    Column("workspace", String(63), nullable=False, server_default=""),
)

# Identity: a uid for life; the incarnation changes when the object must be made anew; the stack
# is chosen once.
entry = Table(
    "entry",
    metadata,
    Column("uid", String(16), primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("name", String(63), nullable=False),
    Column("incarnation", Integer, nullable=False, server_default="1"),
    Column("stack", String(80)),
    Column("since", Integer, nullable=False),
    Column("until", Integer),
)
Index(
    "entry_live",
    entry.c.kind,
    entry.c.name,
    unique=True,
    sqlite_where=entry.c.until.is_(None),
    postgresql_where=entry.c.until.is_(None),
)

claim = Table(
    "claim",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("name", String(63), nullable=False),
    Column("claimant", Text, nullable=False),
    Column("line", Integer, nullable=False, server_default="0"),
    Column("fields", Text, nullable=False),
    Column("since", Integer, nullable=False),
    Column("until", Integer),
)
Index("claim_live", claim.c.until, claim.c.kind, claim.c.name)
Index("claim_claimant", claim.c.claimant, claim.c.until)

# The content that each file had when its claims were recorded: what is equal need not be read again.
source = Table(
    "source",
    metadata,
    Column("claimant", Text, primary_key=True),
    Column("digest", String(32), nullable=False),
)

accepted = Table(
    "accepted",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("uid", String(16), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("name", String(63), nullable=False),
    Column("fields", Text, nullable=False),
    Column("digest", String(32), nullable=False),
    Column("since", Integer, nullable=False),
    Column("until", Integer),
)
Index("accepted_live", accepted.c.until, accepted.c.kind, accepted.c.name)
Index("accepted_uid", accepted.c.uid)
Index("accepted_name", accepted.c.kind, accepted.c.name)
Index("accepted_since", accepted.c.since)

# Derived from what is accepted now (``marks``): who refers to whom, and who holds which address.
reference = Table(
    "reference",
    metadata,
    Column("uid", String(16), primary_key=True),
    Column("field", String(63), primary_key=True),
    Column("kind", String(40), primary_key=True),
    Column("name", String(63), primary_key=True),
    sqlite_with_rowid=False,
)
Index("reference_to", reference.c.kind, reference.c.name)

address = Table(
    "address",
    metadata,
    Column("uid", String(16), primary_key=True),
    Column("field", String(63), primary_key=True),
    Column("address", String(45), primary_key=True),  # as inet_ntop writes it
    sqlite_with_rowid=False,
)
Index("address_held", address.c.address)

# scope is "stack:NAME" or "host:NAME"; inputs are what was built with. While an object is made anew both
# of its incarnations may stand.
applied = Table(
    "applied",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("uid", String(16), primary_key=True),
    Column("incarnation", Integer, primary_key=True, autoincrement=False),
    Column("digest", String(32), nullable=False),
    Column("inputs", Text, nullable=False),
    Column("run", String(40)),
    Column("at", Float, nullable=False),
)

# object is "uid.incarnation", or a driver's own words for something nobody declared.
observed = Table(
    "observed",
    metadata,
    Column("object", Text, primary_key=True),
    Column("uid", String(16)),
    Column("target", String(63), nullable=False),
    Column("status", String(16), nullable=False),  # present, missing, changed, extra, unmanaged, newer
    Column("detail", Text, nullable=False),
    Column("at", Float, nullable=False),
)
Index("observed_uid", observed.c.uid)

# Written before an engine starts; what is open and no longer wanted is swept.
intent = Table(
    "intent",
    metadata,
    Column("object", String(40), primary_key=True),
    Column("stack", String(80), nullable=False),
    Column("type", String(40), nullable=False),
    Column("target", String(63), nullable=False),
    Column("inputs", Text, nullable=False),
    Column("run", String(40), nullable=False),
    Column("at", Float, nullable=False),
)

run = Table(
    "run",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("plan", String(32), nullable=False),  # digest of the blob that holds it
    Column("effect", String(32), nullable=False),
    Column("title", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("segment", Integer, nullable=False, server_default="1"),
    Column("started", Float, nullable=False),
    Column("ended", Float),
)

stage = Table(
    "stage",
    metadata,
    Column("run", String(40), primary_key=True),
    Column("id", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("started", Float),
    Column("ended", Float),
    Column("detail", Text, nullable=False, server_default="{}"),
)

# Plans, programs and playbooks by the digest of their bytes.
blob = Table(
    "blob",
    metadata,
    Column("digest", String(32), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

evidence = Table(
    "evidence",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run", String(40), nullable=False),
    Column("stage", Text, nullable=False),
    Column("subject", Text, nullable=False),  # kind/name
    Column("name", Text, nullable=False),
    Column("ok", Boolean, nullable=False),
    Column("value", Float),
    Column("unit", String(16), nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default="{}"),
    Column("at", Float, nullable=False),
)
Index("evidence_subject", evidence.c.subject, evidence.c.at)

audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("epoch", Integer, nullable=False, server_default="1"),
    Column("at", Float, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", String(60), nullable=False),
    Column("data", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)
# The newest time that anybody wrote down: a clock that was set back is known by it.
Index("audit_at", audit.c.at)

# Rows that another site wrote after the trails parted: kept to be seen, never merged.
quarantine = Table(
    "quarantine",
    metadata,
    Column("site", Text, primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("epoch", Integer, nullable=False),
    Column("at", Float, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", String(60), nullable=False),
    Column("data", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), primary_key=True),
    Column("found", Float, nullable=False),
)

# token grows with each taking; a holder with an older one is refused everywhere.
lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),  # empty: free
    Column("token", Integer, nullable=False),
    Column("expires", Float, nullable=False),
)

# A run's process from its beginning to its end: what goes on after an interruption is another leg.
leg = Table(
    "leg",
    metadata,
    Column("run", String(40), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("actor", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("started", Float, nullable=False),
    Column("alive", Float, nullable=False),  # its last sign of life
    Column("ended", Float),
)

# Each time that a stage was begun; the stage's own row knows the last of them alone.
attempt = Table(
    "attempt",
    metadata,
    Column("run", String(40), primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("leg", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("started", Float, nullable=False),
    Column("ended", Float),
    Column("words", Text, nullable=False, server_default=""),
)

# What people are told, written with what it tells; and to which channel it goes, until it got there.
notice = Table(
    "notice",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("event", String(40), nullable=False),
    Column("run", String(40)),
    Column("body", Text, nullable=False),
    Column("at", Float, nullable=False),
)

delivery = Table(
    "delivery",
    metadata,
    Column("notice", String(40), primary_key=True),
    Column("channel", String(63), primary_key=True),
    Column("status", String(16), nullable=False),  # waiting, sent, refused, given up
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due", Float, nullable=False),  # not before; while somebody is at it: when it may be taken over
    Column("words", Text, nullable=False, server_default=""),
    Column("sent", Float),
)
Index("delivery_due", delivery.c.status, delivery.c.due)

# What a host last said of itself.
host_fact = Table(
    "host_fact",
    metadata,
    Column("uid", String(16), primary_key=True),
    Column("host", String(63), nullable=False),
    Column("run", String(40), nullable=False),
    Column("at", Float, nullable=False),
    Column("facts", Text, nullable=False),
)

# A file of a host as it was before a run changed it; its bytes are a blob, unless they are left out.
kept_file = Table(
    "kept_file",
    metadata,
    Column("run", String(40), primary_key=True),
    Column("host", String(63), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("uid", String(16), nullable=False),
    Column("there", Integer, nullable=False),
    Column("digest", String(32), nullable=False),
    Column("mode", Integer, nullable=False),
    Column("owner", BigInteger, nullable=False),
    Column("grp", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("left_out", Text, nullable=False),
    Column("at", Float, nullable=False),
)

# What somebody signed: that an effect may happen, or (afterwards) that an emergency was one. ``subject``
# is what it is about beside the effect: a run, later a request's stage. Rows are never taken away.
approval = Table(
    "approval",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("purpose", String(40), nullable=False),
    Column("subject", Text, nullable=False, server_default=""),
    Column("effect", String(32), nullable=False),
    Column("person", String(63), nullable=False),
    Column("account", Text, nullable=False),
    Column("public", Text, nullable=False),  # the key, as in authorized_keys
    Column("signature", Text, nullable=False),  # as ssh-keygen -Y sign writes it
    Column("note", Text, nullable=False, server_default=""),
    Column("at", Float, nullable=False),
    Column("revoked", Float),
    Column("revoked_by", Text, nullable=False, server_default=""),
    Column("revoked_note", Text, nullable=False, server_default=""),
    # The run that has done what was signed: it counts no second time.
    Column("spent", String(40), nullable=False, server_default=""),
)
Index("approval_effect", approval.c.effect)

# What let a run go on past what stood against it, each time that it began or went on.
clearance = Table(
    "clearance",
    metadata,
    Column("run", String(40), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("how", String(16), nullable=False),  # confirmed, signed, emergency
    Column("actor", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("at", Float, nullable=False),
)

# What was done at once and is to be approved afterwards.
emergency = Table(
    "emergency",
    metadata,
    Column("run", String(40), primary_key=True),
    Column("effect", String(32), nullable=False),
    Column("person", String(63), nullable=False),
    Column("account", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("due", Float, nullable=False),
)

# What a site's own stacks hold; their resources are nobody's entries.
site_stack = Table(
    "site_stack",
    metadata,
    Column("name", String(31), primary_key=True),
    Column("workspace", String(63), nullable=False),
    Column("digest", String(32), nullable=False),  # of all that it was given; empty: not whole
    Column("plugins", Text, nullable=False),
    Column("resources", Text, nullable=False),
    Column("seen", Text, nullable=False),
    Column("run", String(40), nullable=False),
    Column("at", Float, nullable=False),
)

# What a unit asked for, as it was last submitted. ``document``: digest of the blob with the form and all
# that it stands for; ``plan``: of the blob with the plan that is decided on.
request = Table(
    "request",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("unit", String(63), nullable=False),
    Column("applicant", String(63), nullable=False),
    Column("title", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("document", String(32), nullable=False),
    Column("plan", String(32), nullable=False),
    Column("effect", String(32), nullable=False),
    Column("starts_on", String(10), nullable=False, server_default=""),
    Column("until", String(10), nullable=False, server_default=""),
    Column("submitted", Float, nullable=False),
    Column("changed", Float, nullable=False),
    Column("run", String(40), nullable=False, server_default=""),
)
Index("request_state", request.c.state)

# Each step of a request's life; rows are never taken away. ``state``: where it stood afterwards.
request_event = Table(
    "request_event",
    metadata,
    Column("request", String(63), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("event", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    Column("person", String(63), nullable=False, server_default=""),
    Column("note", Text, nullable=False, server_default=""),
    Column("data", Text, nullable=False, server_default="{}"),
    Column("at", Float, nullable=False),
)

# What is held for a request until its entries are accepted: so much of a pool for each of them. From then
# on the entry itself takes it, and its row counts no more.
reservation = Table(
    "reservation",
    metadata,
    Column("request", String(63), primary_key=True),
    Column("kind", String(40), primary_key=True),
    Column("name", String(63), primary_key=True),
    Column("pool", Text, primary_key=True),
    Column("amount", Float, nullable=False),
    Column("at", Float, nullable=False),
)
Index("reservation_pool", reservation.c.pool)
