"""`govcloud freeze`: times in which nothing changes, or not these things."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import Exit, InputError, Problem
from .common import App, console, emit, json_option, nearest

if TYPE_CHECKING:
    from ..ledger import Ledger
    from ..workspace import Workspace

# Where `add` writes: a file for each.
FOLDER = "freezes"
# The years that every machine can reckon with, whatever its offset.
EARLIEST, LATEST = 1971, 9998


@click.group(invoke_without_command=True)
@click.option("--all", "everything", is_flag=True, help="Also those that are over.")
@json_option
@click.pass_context
def freeze(context: click.Context, everything: bool, as_json: bool) -> None:
    """List the freezes in force and to come; `add` and `end` write one and record it at once."""
    if context.invoked_subcommand is None:
        _list(context.obj, everything, as_json)


def _list(app: App, everything: bool, as_json: bool) -> None:
    from ..ledger import clearances, open_ledger
    from ..plan.guards import freezes

    with open_ledger(app.workspace).read() as connection:
        time_now = clearances.now(connection)
        found = [(one, one.state(time_now)) for one in freezes.freezes(connection)]
    shown = [(one, state) for one, state in found if everything or state != "over"]
    if as_json:
        emit(
            [
                {
                    "name": one.name,
                    "state": state,
                    "starts_at": one.starts_at,
                    "ends_at": one.ends_at,
                    "subjects": one.subjects,
                    "reason": one.reason,
                    "allows_recovery": one.allows_recovery,
                }
                for one, state in shown
            ]
        )
        return
    if not shown:
        click.echo("Nothing is frozen, and no freeze is to come.")
        return
    from .tables import print_table

    rows = [
        (
            one.name,
            state,
            one.starts_at,
            one.ends_at or "no end",
            ", ".join(one.subjects) or "everything",
            one.reason,
        )
        for one, state in shown
    ]
    print_table(console(), ("name", "state", "from", "to", "what", "reason"), rows)


@freeze.command()
@click.argument("name")
@click.option("--subject", "subjects", multiple=True, metavar="KIND/NAME", help="What; may be given again.")
@click.option("--everything", is_flag=True, help="The whole province.")
@click.option("--from", "starts", metavar="TIME", help="When it begins (2026-11-22T08:00); now if left out.")
@click.option("--to", "ends", metavar="TIME", required=True, help="When it ends.")
@click.option("--reason", required=True, metavar="TEXT", help="Why: whoever is refused reads it.")
@json_option
@click.pass_obj
def add(
    app: App,
    name: str,
    subjects: tuple[str, ...],
    everything: bool,
    starts: str | None,
    ends: str,
    reason: str,
    as_json: bool,
) -> int:
    """Freeze something, or --everything: a file in the workspace, recorded at once.

    A run that is at work stops before its next stage that it touches.
    """
    import yaml

    from ..access import enforce
    from ..ledger import open_ledger
    from ..ledger.entries import last_revision
    from ..model import NAME_PATTERN

    if not re.fullmatch(NAME_PATTERN, name):
        raise InputError([Problem(f"{name!r} is no name of an entry, such as exams-2026")])
    if bool(subjects) == everything:
        raise InputError([Problem("expected either --subject KIND/NAME or --everything")])
    begins, end = _moment("--from", starts or _stamp(time.time())), _moment("--to", ends)
    if datetime.fromisoformat(end).timestamp() <= datetime.fromisoformat(begins).timestamp():
        raise InputError([Problem(f"--to {end} is not after {begins}")])
    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "apply")
    _refuse_unknown(ledger, subjects)
    with ledger.read() as connection:
        if not last_revision(connection):
            raise InputError(
                [Problem("nothing is accepted here yet: a freeze would bind nobody")],
                hint="`govcloud apply` first; a freeze that the files say comes with it",
            )
    path = f"{FOLDER}/{name}.yaml"
    file = app.workspace.root / path
    if file.exists():
        raise InputError(
            [Problem("is there already", path)], hint=f"`govcloud freeze end {name}`, or another name"
        )
    fields: dict[str, Any] = {"starts_at": begins, "ends_at": end, "reason": reason}
    if subjects:
        fields["subjects"] = list(subjects)
    text = yaml.safe_dump({"freezes": {name: fields}}, sort_keys=False, allow_unicode=True)
    with _written(file, text.encode()):
        _record(app.workspace, ledger, path)
    _tell(app, name, "freezes", as_json)
    return int(Exit.OK)


@freeze.command()
@click.argument("name")
@json_option
@click.pass_obj
def end(app: App, name: str, as_json: bool) -> int:
    """End a freeze now: its file says so, and it is recorded at once."""
    from ..access import enforce
    from ..ledger import clearances, open_ledger
    from ..ledger.claims import claims
    from ..plan.guards import freezes
    from ..source.claims import path_of
    from ..source.editing import CannotEdit, Edit, edited

    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "apply")
    with ledger.read() as connection:
        found = next((one for one in freezes.freezes(connection) if one.name == name), None)
        time_now = clearances.now(connection)
        places = [
            path_of(claim.claimant)
            for claim in claims(connection, of=(freezes.FREEZE, name))
            if claim.claimant.startswith(app.workspace.claimants) and "ends_at" in (claim.fields or ())
        ]
    if found is None:
        raise InputError(
            [Problem(f"no freeze is called {name!r}")], hint="`govcloud freeze --all` lists them"
        )
    if found.state(time_now) == "over":
        raise InputError([Problem(f"freeze/{name} is over since {found.ends_at}")])
    if len(places) != 1:
        raise InputError(
            [Problem(f"no file of this workspace says alone when freeze/{name} ends")],
            hint=f"`govcloud blame freeze/{name}` tells who says it",
        )
    now_text = _stamp(time_now)
    # What is to come never begins.
    edits = [Edit(freezes.FREEZE, name, "ends_at", now_text)]
    if found.state(time_now) == "coming":
        edits.append(Edit(freezes.FREEZE, name, "starts_at", now_text))
    file = app.workspace.root / places[0]
    try:
        content = edited(file.read_bytes(), places[0], edits)
    except CannotEdit as error:
        raise InputError(
            [Problem(str(error), places[0])], hint=f"let it say `ends_at: {now_text}`, then apply"
        ) from None
    with _written(file, content):
        _record(app.workspace, ledger, places[0])
    _tell(app, name, "ends", as_json)
    return int(Exit.OK)


def _refuse_unknown(ledger: Ledger, subjects: tuple[str, ...]) -> None:
    """Raises ``InputError`` for what is not accepted, with the nearest name that is."""
    from ..ledger.entries import among, key_of
    from ..ledger.graph import kind_names

    keys = [key_of(subject) for subject in subjects]
    problems = []
    with ledger.read() as connection:
        known = among(connection, keys)
        for kind, name in keys:
            if (kind, name) not in known:
                near = nearest(name, kind_names(connection, kind))
                hint = f"did you mean {kind}/{near}?" if near else "`govcloud ls KIND` lists what there is"
                problems.append(
                    Problem(f"--subject {kind}/{name}: nothing of that name is accepted", hint=hint)
                )
    if problems:
        raise InputError(problems)


def _record(workspace: Workspace, ledger: Ledger, path: str) -> None:
    from ..access import actor
    from ..run.declaring import record_freezes

    record_freezes(workspace, ledger, path, actor())


@contextmanager
def _written(file: Path, content: bytes) -> Iterator[None]:
    """The file with this content; as it was before where what is done inside fails."""
    from ..files import write_atomically

    before = file.read_bytes() if file.exists() else None
    mode = file.stat().st_mode & 0o777 if before is not None else 0o644
    file.parent.mkdir(exist_ok=True)
    write_atomically(file, content, mode)
    try:
        yield
    except BaseException:
        if before is None:
            file.unlink()
        else:
            write_atomically(file, before, mode)
        raise


def _moment(option: str, text: str) -> str:
    """A time with this machine's offset: whoever reads it elsewhere reads the same."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InputError([Problem(f"{option} {text!r} should read 2026-11-22T08:00")]) from None
    if len(text) <= len("2026-11-22"):
        raise InputError([Problem(f"{option} {text!r} should say a time as well: {text}T08:00")])
    try:
        local = found.astimezone()
    except (ValueError, OverflowError):
        local = None
    if local is None or not EARLIEST <= local.year <= LATEST:
        raise InputError([Problem(f"{option} {text!r} should be of the years {EARLIEST} to {LATEST}")])
    return local.isoformat(timespec="seconds")


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().isoformat(timespec="seconds")


def _tell(app: App, name: str, what: str, as_json: bool) -> None:
    from ..ledger import open_ledger
    from ..plan.guards import freezes

    with open_ledger(app.workspace).read() as connection:
        one = next(f for f in freezes.freezes(connection) if f.name == name)
    if as_json:
        emit({"name": one.name, "starts_at": one.starts_at, "ends_at": one.ends_at, "subjects": one.subjects})
    elif what == "ends":
        click.echo(f"freeze/{name} ended at {one.ends_at}; commit its file")
    else:
        about = ", ".join(one.subjects) or "everything"
        click.echo(f"freeze/{name}: {about} from {one.starts_at} to {one.ends_at}; commit its file")
