"""`govcloud ipv6 verify`: measure the members of a rollout, and keep the evidence."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from ..errors import Exit, InputError, Problem
from .common import App, console, emit, json_option
from .redacting import redacted

if TYPE_CHECKING:
    from ..ledger.evidence import Evidence
    from ..rollout.measuring import Verified

# Members of which nothing is bad are one line each; so many of those that are open are named.
MOST = 6


@click.command()
@click.argument("what", nargs=-1, metavar="[ROLLOUT] [KIND/NAME]...")
@click.option("--wave", default="", metavar="WAVE", help="Only the members of this wave.")
@click.option("--tries", type=click.IntRange(min=1), help="How often each check is tried.")
@json_option
@click.pass_obj
@redacted
def verify(app: App, what: tuple[str, ...], wave: str, tries: int | None, as_json: bool) -> int:
    """Measure members of a rollout over IPv6 from machines that use them, and keep the figures as evidence.

    ROLLOUT: may be left out where there is one. KIND/NAME: only these members. Exits with 3 when a check is
    not good, or when a member that was verified is not any more.
    """
    from ..access import enforce
    from ..ledger import open_ledger
    from ..rollout.measuring import verify_now

    began = time.monotonic()
    rollouts = [word for word in what if "/" not in word]
    if len(rollouts) > 1:
        problem = Problem(f"{' and '.join(rollouts)}: one rollout at a time", hint="members are KIND/NAME")
        raise InputError([problem])
    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "apply")
    found = verify_now(
        app.workspace,
        ledger,
        rollouts[0] if rollouts else "",
        wave=wave,
        members=[word for word in what if "/" in word],
        tries=tries or 0,
        told=_nothing if as_json or not sys.stderr.isatty() else _told,
    )
    seconds = time.monotonic() - began
    if as_json:
        emit(document(found) | {"seconds": round(seconds, 3)})
    else:
        show(found, seconds)
    return int(Exit.CHANGES if found.bad or found.regressed else Exit.OK)


def _nothing(_done: int, _all: int) -> None:
    """Nobody watches."""


def _told(done: int, all_: int) -> None:
    end = "\n" if done == all_ else ""
    sys.stderr.write(f"\r{done} of {all_} checks measured{end}")
    sys.stderr.flush()


def document(found: Verified) -> dict[str, Any]:
    """What ``--json`` writes (docs/ipv6-evidence.md)."""
    return {
        "rollout": found.rollout,
        "wave": found.wave,
        "checks": [
            {
                "member": row.subject,
                "check": row.detail["check"],
                "ok": row.ok,
                "value": row.value,
                "unit": row.unit,
                "at": row.at,
                "reason": row.detail["reason"],
                "remark": row.detail["remark"],
                "limits": row.detail["limits"],
                "sources": row.detail["sources"],
            }
            for row in found.rows
        ],
        "members": [
            {"member": subject, "state": one.state, "stage": one.stage, "wave": one.wave, "why": one.why}
            for subject, one in found.progress.items()
        ],
        "bad": len(found.bad),
        "regressed": found.regressed,
        "open": list(found.open),
    }


def show(found: Verified, seconds: float) -> None:
    """For people: a line a member, each bad check under its own, and what it comes to."""
    from rich.markup import escape
    from rich.text import Text

    from ..printable import visible
    from .tables import print_line

    out = console()
    by_member: dict[str, list[Evidence]] = {}
    for row in found.rows:
        by_member.setdefault(row.subject, []).append(row)
    width = max(map(len, by_member), default=0)
    for subject, rows in by_member.items():
        bad = [row for row in rows if not row.ok]
        figures = "  ".join(_figure(row) for row in rows if row.ok)
        state = found.progress[subject].state
        mark = Text("✗ ", "red") if bad else Text("✓ ", "green")
        line = Text.assemble(mark, f"{visible(subject):{width}}  ", (figures, "dim"))
        if state == "regressed":
            line.append("  went back", "red bold")
        print_line(out, line)
        reasons: dict[str, list[str]] = {}
        for row in bad:
            reasons.setdefault(str(row.detail["reason"]), []).append(str(row.detail["check"]))
        for words, checks in reasons.items():
            print_line(out, Text.assemble("    ", (", ".join(checks), "red"), f": {visible(words)}"), 6)
    if found.open:
        named = ", ".join(found.open[:MOST]) + (
            f" and {len(found.open) - MOST} more" if len(found.open) > MOST else ""
        )
        out.print(escape(f"no IPv6 yet: {named}"))
    if not found.rows:
        out.print("Nothing was measured: no member has an IPv6 address yet.")
        return
    done = sum(1 for one in found.progress.values() if one.state == "done")
    bad_words = f"[red]{len(found.bad)} not good[/red]" if found.bad else "all good"
    went = f", [red]{len(found.regressed)} went back[/red]" if found.regressed else ""
    out.print(
        f"{len(found.rows)} checks, {bad_words}; "
        f"{done} of {len(found.progress)} members verified{went}; {seconds:.1f} s"
    )


def _figure(row: Evidence) -> str:
    check = row.detail["check"]
    if row.value is None:
        return str(check)
    if row.unit == "ms":
        return f"{check} {row.value:.1f} ms"
    if row.unit == "%":
        return f"{check} {row.value:.0f} %"
    return f"{check} {row.value:+.0%}" if check == "delay" else str(check)
