"""What the rules find in the accepted entries is remembered: a check after a small change asks little.

A file in the workspace's cache holds the findings of one revision, on one day, by the rules of this program.
What was accepted since and what the files say otherwise is laid over that: rules are asked about what these
changes touch (``policy.comparing``). It is only ever a shortcut: where there is no memory, where much
changed, where anything is wrong, everything is judged.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from .. import __version__, canonical
from ..errors import GovcloudError, InputError
from ..files import write_atomically
from ..ledger import entries
from ..ledger.claims import CHECKED_KEY, ClaimRow, claims_on, sources
from ..ledger.connection import Connection
from ..ledger.entries import Key
from ..ledger.history import decoded, differences
from ..ledger.store import Ledger, settings
from ..source import FILES, check
from ..source.cache import program_digest
from ..source.changes import Changes, read_changes
from ..source.claims import Claim, claims_of
from ..source.layers import PINS
from ..source.loaded import Loaded
from ..source.reading import Reading
from ..workspace import Workspace
from . import delta, pins, scope
from .gather import CHECKED
from .graph import LedgerGraph
from .lookup import ChangedCatalogue, LedgerCatalogue
from .stages import PinChanges

if TYPE_CHECKING:
    from ..model.catalogue import Catalogue
    from ..policy import Case, Check, Finding
    from ..policy.comparing import Again

Changed = Mapping[Key, Mapping[str, Any] | None]
# More changed entries than this are not worth the questions one by one.
MOST = 2000
# So many places are asked of the ledger one by one; of more, all files are read.
PLACES = 2000
POLICY = Path(__file__).parent.parent / "policy"


class _Kept(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A finding without what its rule says of it."""

    verdict: Literal["deny", "target", "require", "flag"]
    subject: str
    message: str
    field: str
    witness: tuple[str, ...]
    cure: str
    waiver: str


class _Memory(msgspec.Struct, frozen=True):
    """``key``: the rules and the ledger; ``day``: as of when; findings by rule in the order found."""

    key: str
    day: str
    revision: int
    found: dict[str, list[_Kept]]


class Quick(NamedTuple):
    """What a check would find: the findings, the rules that were asked, their entries, and the files."""

    findings: list[Finding]
    checks: list[Check]
    catalogue: Catalogue
    loaded: Loaded


def quickly(workspace: Workspace, ledger: Ledger, connection: Connection, day: date) -> Quick | None:
    """The findings of what files and ledger say together, from memory and a few questions.

    None: everything is to be judged. Raises nothing where the files are wrong: whoever judges all tells it.
    """
    revision = entries.last_revision(connection)
    if not revision or settings(connection).get(CHECKED_KEY) != CHECKED:
        return None
    memory = _recall(workspace, day)
    if memory is None or memory.revision > revision:
        return None
    try:
        changed, changes = unrecorded(workspace, connection)
        if memory.revision < revision:
            memory = _carried_on(workspace, connection, memory, revision, day)
        if memory is None:
            return None
        below = LedgerCatalogue(connection)
        above = ChangedCatalogue(below, changed)
        checks, again = _again(below, above, _fields(connection, changed), changed, day)
    except (InputError, scope.TooWide):
        return None
    found = _told(memory, checks)
    if found is None or not _apply(found, again):
        return None
    from ..policy import Case

    case = Case(above, day)
    asked = [one for one in checks if one.binds(case)]
    findings = [finding for one in asked for finding in found.get(one.id, ())]
    return Quick(findings, asked, above, _Places(workspace, ledger, changes))


def remember(workspace: Workspace, connection: Connection, findings: Sequence[Finding], day: date) -> None:
    """Keep what all rules find in the accepted entries, from what they find in the files beside them."""
    revision = entries.last_revision(connection)
    if not revision or settings(connection).get(CHECKED_KEY) != CHECKED:
        return
    try:
        changed, _ = unrecorded(workspace, connection)
        below = LedgerCatalogue(connection)
        above = ChangedCatalogue(below, changed)
        _, again = _again(below, above, _fields(connection, changed), changed, day)
    except (InputError, scope.TooWide):
        return
    found: dict[str, list[Finding]] = {}
    for one in findings:
        found.setdefault(one.rule, []).append(one)
    # Backwards: what the change brought about was not there.
    if _apply(found, [each._replace(gone=each.come, come=each.gone) for each in again]):
        _keep(workspace, day, revision, found)


def unrecorded(workspace: Workspace, connection: Connection) -> tuple[Changed, Changes]:
    """Fields of entries of which the files say otherwise than was recorded; None: it is no more.

    What the allocator has not answered yet stays ``auto``. Raises ``InputError`` where the files are wrong,
    ``scope.TooWide`` where much changed.
    """
    prefix = workspace.claimants
    known = {c.removeprefix(prefix): digest for c, digest in sources(connection, prefix).items()}
    changes = read_changes(workspace, known)
    found = delta.find(connection, prefix, changes, known)
    if len(found.touched) > MOST:
        raise scope.TooWide
    if not found.touched:
        return {}, changes
    standing = [row for row in pins.standing(connection) if row.key in found.touched]
    over = {row.claim_key for row in found.claims.said} | set(found.claims.ended)
    rest = [
        row
        for row in claims_on(connection, found.touched)
        if row.claim_key not in over and not row.claimant.startswith(PINS)
    ]
    layers = workspace.settings.layers
    merged = pins.in_force([*rest, *found.claims.said], standing, PinChanges(), layers).merged
    changed: dict[Key, Mapping[str, Any] | None] = {key: merged.get(key) for key in found.touched}
    before = _fields(connection, changed)
    check(scope.judged(LedgerGraph(connection, changed), before, changed))
    return {key: said for key, said in changed.items() if before.get(key) != said}, changes


def _fields(connection: Connection, keys: Iterable[Key]) -> dict[Key, Mapping[str, Any]]:
    return {key: entry.fields for key, entry in entries.among(connection, keys).items()}


def _again(
    below: LedgerCatalogue | ChangedCatalogue,
    above: LedgerCatalogue | ChangedCatalogue,
    before: Mapping[Key, Mapping[str, Any]],
    changed: Changed,
    day: date,
) -> tuple[list[Check], list[Again]]:
    """The rules, and what those find again that the change concerns. Raises ``TooWide``."""
    from ..policy import Case, expressions
    from ..policy.comparing import Change, ask_again

    if any(kind == "rule" for kind, _ in changed):
        raise scope.TooWide
    checks = expressions.asked(above)
    changes = {key: Change(before.get(key), said) for key, said in changed.items()}

    def referring(keys: Any) -> Iterable[tuple[Key, str, Key]]:
        yield from below.referring(keys)
        yield from above.referring(keys)

    cases: tuple[Case, Case] = Case(below, day), Case(above, day)
    return checks, list(ask_again(*cases, changes, referring, checks))


def _apply(found: dict[str, list[Finding]], again: Iterable[Again]) -> bool:
    """Take away what is gone and add what came; False where something goes that was never found."""
    for each in again:
        gone = Counter(each.gone)
        kept = []
        for one in found.get(each.check.id, ()):
            if gone[one] > 0:
                gone[one] -= 1
            else:
                kept.append(one)
        if any(count > 0 for count in gone.values()):
            return False
        found[each.check.id] = kept + each.come
    return True


def _carried_on(
    workspace: Workspace, connection: Connection, memory: _Memory, revision: int, day: date
) -> _Memory | None:
    """The memory of an earlier revision as that of the newest one, and kept so. Raises ``TooWide``."""
    past: dict[Key, Mapping[str, Any] | None] = {}
    for one in differences(connection, memory.revision, revision):
        if one.after is not None:
            past.setdefault((one.kind, one.name), None)
        if one.before is not None:
            past[one.kind, one.was or one.name] = decoded(one.before)
    if len(past) > MOST:
        raise scope.TooWide
    above = LedgerCatalogue(connection)
    below = ChangedCatalogue(above, past)
    before = {key: said for key, said in past.items() if said is not None}
    now = _fields(connection, past)
    checks, again = _again(below, above, before, {key: now.get(key) for key in past}, day)
    found = _told(memory, checks)
    if found is None or not _apply(found, again):
        return None
    return _keep(workspace, day, revision, found)


# -- the file ----------------------------------------------------------------------------------------


def _told(memory: _Memory, checks: Iterable[Check]) -> dict[str, list[Finding]] | None:
    """What is remembered as findings, by rule; None where a rule is not there any more."""
    from ..policy import Finding

    known = {one.id: one for one in checks}
    if memory.found.keys() - known.keys():
        return None
    out: dict[str, list[Any]] = {}
    for id, those in memory.found.items():
        strength, source = known[id].strength, known[id].source
        out[id] = [
            Finding(id, one.verdict, strength, source, *msgspec.structs.astuple(one)[1:]) for one in those
        ]
    return out


def _key(workspace: Workspace) -> str:
    """Digest of what findings depend on beside the entries and the day."""
    stamps = [
        (one.name, one.stat().st_size, one.stat().st_mtime_ns)
        for one in sorted(POLICY.iterdir())
        if one.is_file()
    ]
    topology = POLICY.parent / "topology"
    return canonical.digest(
        [__version__, program_digest(POLICY, topology), stamps, workspace.environment, workspace.ledger_url]
    )


def _recall(workspace: Workspace, day: date) -> _Memory | None:
    try:
        memory = msgspec.msgpack.decode(_file(workspace).read_bytes(), type=_Memory)
    except (OSError, msgspec.MsgspecError):
        return None
    return memory if memory.key == _key(workspace) and memory.day == day.isoformat() else None


def _keep(workspace: Workspace, day: date, revision: int, found: Mapping[str, Sequence[Finding]]) -> _Memory:
    """Write it down; a folder that cannot be written to costs time, nothing else."""
    kept = {
        id: [_Kept(f.verdict, f.subject, f.message, f.field, f.witness, f.cure, f.waiver) for f in those]
        for id, those in found.items()
        if those
    }
    memory = _Memory(_key(workspace), day.isoformat(), revision, kept)
    with contextlib.suppress(OSError, GovcloudError):
        workspace.prepare()
        _file(workspace).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(_file(workspace), msgspec.msgpack.encode(memory))
    return memory


def _file(workspace: Workspace) -> Path:
    return workspace.private / "cache" / "findings.msgpack"


# -- places ------------------------------------------------------------------------------------------


class _Places(Loaded):
    """The files, of which those that did not change are looked up in the ledger: it knows the lines."""

    def __init__(self, workspace: Workspace, ledger: Ledger, changes: Changes) -> None:
        layers = workspace.settings.layers
        super().__init__(workspace.root, changes.files, {}, changes.notes, _all(workspace), layers)
        self._ledger, self._prefix = ledger, workspace.claimants
        self._differ = {*changes.changed, *changes.removed}
        self._mine: dict[Key, list[Claim]] = {}
        for claim in changes.claims:
            self._mine.setdefault((claim.kind, claim.name), []).append(claim)
        self._asked: dict[Key, list[Any]] = {}

    def sayings(self, key: Key) -> list[Any]:
        """What the files say of an entry."""
        if len(self._asked) >= PLACES:
            return super().sayings(key)
        if key not in self._asked:
            with self._ledger.read() as connection:
                rows = [self._as_file(row) for row in claims_on(connection, [key])]
            self._asked[key] = [*(row for row in rows if row is not None), *self._mine.get(key, ())]
        return self._asked[key]

    def _as_file(self, row: ClaimRow) -> ClaimRow | None:
        """The claim of an unchanged file, as a file's."""
        path = row.claimant.removeprefix(self._prefix)
        if path == row.claimant or path in self._differ:
            return None
        return msgspec.structs.replace(row, claimant=FILES + path)


def _all(workspace: Workspace) -> Callable[[], list[Claim]]:
    def fetch() -> list[Claim]:
        reading = Reading(workspace)
        reading.scan()
        return [claim for path in reading.digests for claim in claims_of(path, reading.file(path).blocks)]

    return fetch
