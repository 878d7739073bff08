"""The ``govcloud`` command: the table of commands, each loaded only when it is typed."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from .. import __version__
from .common import App, run_safely
from .lazy import LazyGroup

# command -> (module in this package, what it is for). The module holds a click command of the
# same name; dashes become underscores.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("workspace", "Make a workspace, from a sample if wanted."),
    "generate": ("generate", "Write a sample's mass of invented entries, by seed and size."),
    "validate": ("validate", "Read the files and tell every fault in them."),
    "ls": ("browse", "List entries of a kind."),
    "show": ("show", "Show one entry: fields, stack, observations, evidence."),
    "tree": ("tree", "Draw the ledger by place, unit, network or application."),
    "search": ("search", "Find entries by words or addresses."),
    "portrait": ("portrait", "All about one application on one screen."),
    "export": ("export", "Tables to take away: CSV, Excel, JSON."),
    "history": ("history", "Revisions, or all that happened to one entry."),
    "diff": ("history", "What leads from one revision to another."),
    "blame": ("history", "Who says each field of an entry, and since when."),
    "explain": ("explain", "What a kind or a field means, and the rules that read it."),
    "schema": ("schema", "JSON Schema of the files, for editors."),
    "check": ("check", "Judge the files by the rules, before anything changes."),
    "plan": ("plan", "Show what apply would do."),
    "preview": ("preview", "Show what the plan's play would change on each host."),
    "apply": ("apply", "Do it: record, build, configure, measure."),
    "revert": ("revert", "Go back to an accepted past, by a plan with pins."),
    "destroy": ("apply", "Take down everything that was built."),
    "approve": ("approve", "Sign what somebody else would carry out, or did in an emergency."),
    "approvals": ("approve", "List what was signed, and whether it counts."),
    "emergencies": ("emergencies", "List what was done at once and waits for approval."),
    "freeze": ("freeze", "Times in which nothing changes: list, add, end."),
    "runs": ("runs", "List, show, resume or cancel runs."),
    "notify": ("notify", "What people were told by webhook and mail; try again."),
    "request": ("request", "Ask for resources in one form; decide, follow, renew, give back."),
    "capacity": ("capacity", "What there is, who holds and uses it, where something new would stand."),
    "component": ("component", "Shared components: register, find, reuse."),
    "tick": ("tick", "Do what is due: leases, reminders, what was scheduled."),
    "network": ("network", "Addresses, what a cut would do, devices, boundaries, merges."),
    "ipv6": ("ipv6", "The rollout of IPv6: plan, waves, status, evidence."),
    "drift": ("drift", "Compare reality with the ledger."),
    "repair": ("repair", "Bring one object in line, or make it anew."),
    "adopt": ("adopt", "Take over an object that nobody manages."),
    "forget": ("forget", "Let go of an object; it stays as it is."),
    "probe": ("probe", "Measure the accepted flows now."),
    "state": ("state", "The engine's state against the ledger and what stands."),
    "inventory": ("inventory", "The ledger as an Ansible inventory."),
    "whoami": ("whoami", "For whom you are taken, and what you may do."),
    "secrets": ("secrets", "Where values are kept, whether they are there; change passphrase and keys."),
    "audit": ("audit", "Check the chain of what was done."),
    "gc": ("gc", "Prune what nobody needs any more, by policy."),
    "lab": ("lab", "The province in network namespaces on this machine."),
    "doctor": ("doctor", "What is there, what is missing, and how to get it."),
    "demo": ("demo", "A small province, from nothing to nothing."),
    "completion": ("completion", "What a shell needs to complete what you type."),
}


class Commands(LazyGroup):
    """All commands."""

    TABLE = COMMANDS


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-C", "directory", metavar="DIR", help="The workspace; otherwise the nearest one upward.")
@click.option("--log", metavar="FILE", help="Append a run's events to FILE, as JSON lines.")
@click.version_option(__version__, prog_name="govcloud")
@click.pass_context
def govcloud(ctx: click.Context, directory: str | None, log: str | None) -> None:
    """The base of a province's e-government as one declarative ledger (底座资源一本账).

    Files say what should be; `plan` shows the difference, `apply` makes it so and keeps the proof.
    """
    ctx.obj = App(directory, log)


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point: runs the command line and exits with one of ``errors.Exit``."""
    sys.exit(run_safely(govcloud, list(argv) if argv is not None else sys.argv[1:]))
