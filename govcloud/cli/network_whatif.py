"""`govcloud network whatif`: who loses what when something is cut; in the lab, cut it and measure."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from ..errors import Exit, GovcloudError, InputError, Problem
from ..printable import visible
from .common import App, console, emit, json_option, nearest

if TYPE_CHECKING:
    from rich.console import Console

    from ..ledger import Ledger
    from ..ledger.connection import Connection
    from ..model.catalogue import Catalogue
    from ..run.rerouting import Experiment
    from ..topology import Net
    from ..topology.cutting import Outcome

T = TypeVar("T")
# What can be cut, besides a link and a node: what fails as one.
CUTTABLE = "link/NAME, node/NAME, circuit/NAME, duct/NAME or carrier/NAME"
HIDDEN = "(classified)"


@click.command()
@click.option("--cut", "cuts", multiple=True, metavar="KIND/NAME", help=f"What fails: {CUTTABLE}.")
@click.option(
    "--each", type=click.Choice(["link", "node"]), help="Every single one in turn, the worst first."
)
@click.option(
    "--line", type=click.Choice(["data", "video"]), help="One whole line fails; with --cut: only it."
)
@click.option("--site", "sites", multiple=True, metavar="PLACE", help="Only what concerns this place.")
@click.option("--files", is_flag=True, help="As the files say it, instead of what is accepted.")
@click.option("--measure", is_flag=True, help="Make the cut in the lab, measure, and put it back.")
@click.option("--silent", is_flag=True, help="With --measure: frames are lost, and the lines stay up.")
@click.option("--restore", is_flag=True, help="Put back a cut whose maker has died.")
@click.option("--most", type=click.IntRange(min=1), default=20, show_default=True, help="Rows of --each.")
@click.option("--yes", "-y", is_flag=True, help="With --measure: do not ask.")
@json_option
@click.pass_obj
def whatif(
    app: App,
    cuts: tuple[str, ...],
    each: Literal["link", "node"] | None,
    line: Literal["data", "video"] | None,
    sites: tuple[str, ...],
    files: bool,
    measure: bool,
    silent: bool,
    restore: bool,
    most: int,
    yes: bool,
    as_json: bool,
) -> int:
    """Who loses what when something is cut: by family and by line, worked out before anybody cuts.

    \b
    --cut link/X --cut node/Y   these fail at once
    --each link                 every single link in turn, the worst first
    --line data                 the whole data line fails: for whom the other carries on (OP-19)

    `--cut … --measure` makes the cut in the lab as well, measures how long everybody takes to find
    another way, and puts it back in every case. Exits with 3 where simulation and lab disagree, or where
    the other line does not carry a place.
    """
    _check(cuts, each, line, sites, files, measure, silent, restore, yes)
    if restore:
        return _restore(app, as_json)
    from ..ledger import open_ledger

    ledger = open_ledger(app.workspace)
    began = time.monotonic()
    catalogue, hidden = _entries(app, ledger, files)
    from ..topology import Net

    net = Net.of(catalogue)
    places = _places(net, sites, hidden)
    if each:
        return _each(catalogue, net, each, most, hidden, as_json, began)
    if not cuts:
        assert line is not None
        return _line(net, line, places, hidden, as_json)
    found = _outcome(catalogue, net, cuts, places, line, hidden)
    if not measure:
        _tell(_veiled(found, hidden), as_json, None)
        return int(Exit.OK)
    return _measure(app, ledger, found, silent=silent, yes=yes, as_json=as_json)


def _check(
    cuts: tuple[str, ...],
    each: str | None,
    line: str | None,
    sites: tuple[str, ...],
    files: bool,
    measure: bool,
    silent: bool,
    restore: bool,
    yes: bool,
) -> None:
    """Raises ``InputError`` with everything that does not go together."""
    problems = []
    if not (cuts or each or line or restore):
        problems.append("nothing to ask: give --cut, --each, --line or --restore")
    if restore and (cuts or each or line or sites or files or measure):
        problems.append("--restore puts back what was cut, and goes alone")
    if each and (cuts or line or sites):
        problems.append("--each goes through everything: not with --cut, --line or --site")
    if measure and not cuts:
        problems.append("--measure needs to know what to cut: --cut link/NAME")
    if measure and files:
        problems.append("--measure cuts what is built: not with --files")
    if silent and not measure:
        problems.append("--silent goes with --measure")
    if yes and not measure:
        problems.append("--yes goes with --measure")
    if problems:
        hint = "`govcloud network whatif --help` tells what it takes"
        raise InputError([Problem(words) for words in problems], hint=hint)


def _entries(app: App, ledger: Ledger, files: bool) -> tuple[Catalogue, frozenset[str]]:
    """The entries of the net, and the keys that this reader may not see."""
    from ..access import sight
    from ..access.sight import keys_of
    from ..ledger.store import settings
    from ..report import nets

    with ledger.read() as connection:
        unseen = keys_of(connection, sight(app.workspace, ledger, connection))
        hidden = frozenset(f"{kind}/{name}" for kind, name in unseen)
        catalogue = None if files else nets.accepted(connection)
        if settings(connection).get("cut"):
            _warn_of_cut(connection)
    return (nets.proposed(app.workspace, ledger) if catalogue is None else catalogue), hidden


def _warn_of_cut(connection: Connection) -> None:
    """Tell of a cut that was made in the lab and is still written down: whoever made it may have died."""
    from ..ledger import leases
    from ..run.context import LEASE
    from ..run.cutting import standing

    record = standing(connection)
    if record is not None and not leases.is_held(connection, LEASE):
        what = visible(", ".join(record.entries))
        click.echo(
            f"note: {what} was cut in the lab by {visible(record.by)}, who died before it was put back for "
            "certain; `govcloud network whatif --restore` looks after it",
            err=True,
        )


def _outcome(
    catalogue: Catalogue,
    net: Net,
    cuts: tuple[str, ...],
    places: list[str],
    line: Literal["data", "video"] | None,
    hidden: frozenset[str],
) -> Outcome:
    from ..topology.cutting import outcome
    from ..topology.narrowing import narrowed

    known = net.index.keys() | net.edge_index.keys() | net.groups.keys() | net.lines
    problems = []
    for key in cuts:
        if key not in known:
            guess = nearest(key, known - hidden)
            hint = f"did you mean {guess}?" if guess else f"it should be {CUTTABLE}"
            problems.append(Problem(f"{key} is not in the net", hint=hint))
    if problems:
        raise InputError(problems)
    return narrowed(outcome(net, catalogue, cuts), net, catalogue, places, line)


def _places(net: Net, sites: tuple[str, ...], hidden: frozenset[str]) -> list[str]:
    """The places that are meant, by ``kind/name`` or by a name alone."""
    problems, found = [], []
    for word in sites:
        keys = [key for key in net.places if word in (key, key.partition("/")[2])]
        if not keys:
            guess = nearest(word, net.places.keys() - hidden)
            hint = (
                f"did you mean {guess}?" if guess else "a place is a site, region, unit or exit with a node"
            )
            problems.append(Problem(f"{word} hangs on no node of the net", hint=hint))
        found += keys
    if problems:
        raise InputError(problems)
    return list(dict.fromkeys(found))


def _each(
    catalogue: Catalogue,
    net: Net,
    kind: Literal["link", "node"],
    most: int,
    hidden: frozenset[str],
    as_json: bool,
    began: float,
) -> int:
    from ..topology.singles import singles
    from . import whatif_telling

    rows = singles(net, catalogue, kind)
    harmful = sum(1 for row in rows if row.places or row.broken)
    shown = _veiled(rows[:most], hidden)
    if as_json:
        seconds = round(time.monotonic() - began, 3)
        emit(
            {
                "each": kind,
                "harmful": harmful,
                "singles": shown,
                "more": len(rows) - len(shown),
                "seconds": seconds,
            }
        )
        return int(Exit.OK)
    whatif_telling.tell_each(console(), kind, shown, harmful, len(rows) - len(shown))
    return int(Exit.OK)


def _line(
    net: Net, line: Literal["data", "video"], places: list[str], hidden: frozenset[str], as_json: bool
) -> int:
    from ..topology.cutting import lost_line
    from . import whatif_telling

    fates = _veiled(lost_line(net, line, places or None), hidden)
    off = sum(1 for fate in fates if fate.state == "cut_off")
    if as_json:
        emit({"line": line, "places": fates, "cut_off": off})
    else:
        whatif_telling.tell_line(console(), line, fates)
    return int(Exit.CHANGES if off else Exit.OK)


def _tell(found: Outcome, as_json: bool, measured: Experiment | None) -> None:
    from . import whatif_telling

    if as_json:
        import msgspec

        emit({**msgspec.to_builtins(found), "measured": measured})
        return
    out = console()
    whatif_telling.tell_outcome(out, found)
    if measured is not None:
        whatif_telling.tell_experiment(out, measured)


def _measure(app: App, ledger: Ledger, found: Outcome, *, silent: bool, yes: bool, as_json: bool) -> int:
    """Cut for real. Raises ``GovcloudError`` where it cannot be done, or could not be put back."""
    from ..access import enforce, require_sight_of_all
    from ..plan.gather import built_catalogue, routing
    from ..run import pairing
    from ..run.pacing import pace
    from ..run.reach import Reach
    from ..run.rerouting import experiment
    from . import whatif_telling

    enforce(app.workspace, ledger, "apply")
    require_sight_of_all(app.workspace, ledger)
    with ledger.read() as connection:
        catalogue = built_catalogue(connection)
    how = routing(catalogue)
    built, net = pairing.lab_net(catalogue)
    try:
        ends = pairing.interfaces_of(built, net, found.cut)
    except KeyError as error:
        raise InputError(
            [Problem(f"{error.args[0]} is not built in the lab: only what is can be cut for real")],
            hint="without --measure the cut is worked out alone",
        ) from None
    numbers = pace(built)
    hosts = {str(name) for name in Reach(app.workspace).connections()}
    pairs = pairing.pairs(built, net, found.cut, most=numbers.pairs, dynamic=how == "ospf", there=hosts)
    if not pairs:
        raise GovcloudError(
            "nobody in the lab has anybody to ask: nothing can be measured",
            hint="two machines or routers with addresses are needed; `govcloud apply` builds them",
        )
    out: Console | None = None if as_json else console()
    if out is not None:
        whatif_telling.tell_outcome(out, found)
        whatif_telling.tell_ends(out, ends, silent=silent, seconds=numbers.hold_s)
    _ask(as_json, yes)
    measured = experiment(
        app.workspace,
        ledger,
        built,
        found.cut,
        pairs,
        ends=ends,
        net=net,
        routing=how,
        silent=silent,
        told=(lambda _: None) if out is None else (lambda words: whatif_telling.tell_step(out, words)),
    )
    if out is None:
        _tell(found, True, measured)
    else:
        whatif_telling.tell_experiment(out, measured)
    if not measured.restored:
        raise GovcloudError(
            f"{', '.join(found.cut)} is put back, and yet not all is as before: "
            f"{', '.join(measured.not_back)}",
            hint="`govcloud drift` tells what is not as it should be, `govcloud apply` heals it, and "
            "`govcloud probe --wait 30` measures every flow again",
        )
    return int(Exit.CHANGES if measured.disagreements else Exit.OK)


def _ask(as_json: bool, yes: bool) -> None:
    if yes:
        return
    if as_json or not sys.stdin.isatty():
        raise GovcloudError("nobody to ask; nothing was cut", hint="--yes cuts without asking")
    if not click.confirm("\nCut this in the lab now?"):
        raise click.Abort


def _restore(app: App, as_json: bool) -> int:
    from ..access import enforce
    from ..ledger import open_ledger
    from ..run import cutting
    from . import whatif_telling

    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "apply")
    done = cutting.restore(app.workspace, ledger)
    if as_json:
        emit({"restored": done})
    else:
        whatif_telling.tell_restored(console(), done)
    return int(Exit.OK)


def _veiled(found: T, hidden: Iterable[str]) -> T:
    """The same with what its reader may not see taken out of lists, and out of words."""
    gone = frozenset(hidden)
    if not gone:
        return found
    import msgspec

    def veil(value: Any) -> Any:
        if isinstance(value, str):
            return HIDDEN if value in gone else value
        if isinstance(value, dict):
            return {key: veil(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [veil(one) for one in value]
        return value

    if isinstance(found, list):
        return [msgspec.convert(veil(msgspec.to_builtins(one)), type(one)) for one in found]  # type: ignore[return-value]
    return msgspec.convert(veil(msgspec.to_builtins(found)), type(found))
