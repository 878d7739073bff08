"""Recording a freeze at once: beside a run that is at work, which is to stop for it.

Not a run: nothing is built, no lease is taken. One transaction writes the revision, as a Record does.
"""

from __future__ import annotations

from ..access import who
from ..errors import ConflictError, InputError, Problem
from ..ledger import Ledger, audit, entries, store
from ..ledger.claims import CHECKED_KEY, change_claims, sources
from ..plan.gather import propose_file
from ..plan.guards.freezes import FREEZE
from ..plan.guards.lifting import check_lifting
from ..plan.stages import EntryChange, Record
from ..workspace import Workspace


def record_freezes(workspace: Workspace, ledger: Ledger, path: str, actor: str) -> list[EntryChange]:
    """Accept what a file says of freezes; ``path``: within the workspace. Gives what changed.

    Raises ``InputError`` where the file is wrong, or would change anything but freezes, ``DeniedError``
    where it lifts somebody else's.
    """
    plan = propose_file(workspace, ledger, path)
    records = [stage for stage in plan.stages if isinstance(stage, Record)]
    changes = [change for stage in records for change in stage.changes]
    others = sorted(change.subject for change in changes if change.kind != FREEZE)
    if others or len(records) != len(plan.stages):
        what = ", ".join(others[:3]) or "what is built"
        raise InputError(
            [Problem(f"the file would change more than freezes: {what}", path)],
            hint="`govcloud apply` records the rest first, or put the freeze into a file of its own",
        )
    if not changes:
        return []
    check_lifting(ledger, who(workspace, ledger), changes)
    with ledger.write() as connection:
        known = entries.digests(connection, (entries.key_of(subject) for subject in plan.base.entries))
        recorded = sources(connection, "file")
        moved = any(known.get(entries.key_of(s), "") != d for s, d in plan.base.entries.items())
        if moved or any(recorded.get(claimant, "") != d for claimant, d in plan.base.sources.items()):
            raise ConflictError(
                "somebody else changed this freeze meanwhile", hint="`govcloud freeze` lists them"
            )
        checked = store.settings(connection).get(CHECKED_KEY, "")
        number = entries.open_revision(
            connection,
            actor=actor,
            run=None,
            commit=None,
            message=", ".join(f"{change.verb} {change.subject}" for change in changes),
            workspace=plan.workspace,
        )
        entries.accept(connection, number, (c for c in changes if c.verb != "delete"))
        entries.withdraw(connection, number, (c.uid for c in changes if c.verb == "delete"))
        fields = {(c.kind, c.name): c.fields for c in changes}
        for stage in records:
            change_claims(connection, number, stage.claims, fields)
        store.keep_setting(connection, CHECKED_KEY, checked)
        told = {change.subject: change.fields if change.verb != "delete" else None for change in changes}
        audit.append(connection, actor, "freeze", {"revision": number, **told})
    return changes
