"""What `govcloud network whatif` says to people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..printable import visible
from .tables import print_line, print_table

if TYPE_CHECKING:
    from rich.console import Console

    from ..run.cutting import Restored
    from ..run.rerouting import Experiment, Seen
    from ..topology.cutting import CutOff, Fate, Moved, Outcome
    from ..topology.singles import Single
    from ..topology.ways import Way

# So many names of a list are told; --json has them all.
MOST = 12
OTHER = {"data": "video", "video": "data"}


def tell_outcome(out: Console, found: Outcome) -> None:
    """All that a cut does."""
    _say(out, f"cut: {', '.join(found.cut)}", "bold")
    if not found.cut_off:
        _say(out, "nobody is cut off")
    for part in found.cut_off:
        _tell_cut_off(out, part)
    for loss in found.lines:
        for names, then in (
            (loss.carried, f"the {OTHER[loss.line]} line carries them"),
            (loss.cut_off, "no other"),
        ):
            if names:
                lost = (
                    f"{loss.line} line over IPv{loss.family}: {_count(names, 'place')} without it, {then}: "
                )
                _say(out, lost + _names(names), "" if names is loss.carried else "red")
    for one in found.broken:
        ends = f"{one.start} → {one.goal}"
        _say(out, f"{one.subject} breaks over IPv{one.family}: {ends}; its way was {_way(one.before)}", "red")
    if found.moved:
        _tell_moved(out, found.moved)
    if found.untouched:
        words = "1 flow keeps its way" if found.untouched == 1 else f"{found.untouched} flows keep their way"
        _say(out, words)
    for load in found.overloaded:
        _say(
            out,
            f"{load.link} carries {load.bandwidth_mbps:g} Mbit/s and would have to carry {load.after_mbps:g} "
            f"(before: {load.before_mbps:g}): {_names(load.flows)}",
            "red",
        )
    alone: dict[str, list[str]] = {}
    for exposed in found.exposed:
        for entry in exposed.by:
            alone.setdefault(entry, []).append(exposed.place)
    for entry, places in alone.items():
        verb = "hangs" if len(places) == 1 else "hang"
        words = f"spare way gone: {_count(places, 'place')} now {verb} on {entry} alone: "
        _say(out, words + _names(places), "yellow")


def _tell_cut_off(out: Console, one: CutOff) -> None:
    family = f"IPv{one.family}"
    lists = (("node", one.nodes), ("network", one.networks), ("machine", one.machines), ("place", one.places))
    told = [f"{_count(names, kind)} ({_names(names)})" for kind, names in lists if names]
    if told:
        _say(out, f"cut off from the core over {family}: {'; '.join(told)}", "red")
    if one.exits:
        _say(out, f"exits lost over {family}: {_names(one.exits)}", "red")
    for part in one.parts:
        if len(part) == 1 and part[0] not in one.nodes:
            _say(out, f"reaches nobody else over {family}: {part[0]}", "red")
        if len(part) > 1:
            _say(out, f"still reach each other over {family}, and nobody else: {_names(part)}")


def _tell_moved(out: Console, moved: Sequence[Moved]) -> None:
    rows = []
    for one in moved:
        assert one.after is not None and one.delay_ms is not None
        rows.append(
            (
                one.subject,
                str(one.family),
                f"{one.before.cost} → {one.after.cost}",
                f"{one.after.bandwidth_mbps:g}",
                f"{one.delay_ms:+g}",
                f"leaves the {one.line} line" if one.off_line else "",
                f"{_way(one.before)} → {_way(one.after)}",
            )
        )
    heads = ("another way", "IP", "cost", "Mbit/s", "ms", "line", "was → is")
    _print(out, heads, rows, unless_empty=5, right=("Mbit/s", "ms"))


def tell_each(out: Console, kind: str, rows: Sequence[Single], harmful: int, more: int) -> None:
    """Every single cut, the worst first."""
    if not rows:
        _say(out, f"no {kind} takes anything with it when it fails alone")
        return
    heads = (kind, "places off", "IPv4", "IPv6", "lose data", "lose video", "broken", "other way")
    table = [
        tuple(
            map(
                str,
                (r.entry, r.places, r.places4, r.places6, r.data, r.video, r.broken, r.moved),
            )
        )
        for r in rows
    ]
    print_table(out, heads, table, right=heads[1:])
    if more:
        _say(out, f"… and {more} more; --most shows more of them", "dim")
    who = f"{harmful} {kind}{'' if harmful == 1 else 's'}"
    _say(
        out,
        f"{who} alone cut somebody off or break a flow" if harmful else f"no {kind} alone cuts anybody off",
    )


def tell_line(out: Console, line: str, fates: Sequence[Fate]) -> None:
    """What becomes of each place when a whole line fails."""
    other = OTHER[line]
    if not fates:
        _say(out, "no place has either line")
        return
    words = {"carried": f"{other} carries", "cut_off": "cut off", "unaffected": f"has no {line} line"}
    rows = [
        (
            fate.place,
            str(fate.family),
            words[fate.state],
            f"{fate.way.bandwidth_mbps:g}" if fate.way and fate.way.links else "",
            f"{fate.way.delay_ms:g}" if fate.way and fate.way.links else "",
            _way(fate.way) if fate.way else "",
            _names(fate.shared),
        )
        for fate in fates
    ]
    heads = ("place", "IP", f"without {line}", "Mbit/s", "ms", "way to the core", "both need")
    print_table(out, heads, rows, right=("Mbit/s", "ms"))
    off = sorted({fate.place for fate in fates if fate.state == "cut_off"})
    if off:
        _say(out, f"{_count(off, 'place')} would be cut off without the {line} line: {_names(off)}", "red")
    else:
        _say(out, f"every place that loses the {line} line is carried by the {other} line")


def tell_ends(
    out: Console, ends: Mapping[str, Sequence[str] | None], *, silent: bool, seconds: float
) -> None:
    """What will be done in the lab, before anybody is asked."""
    told = [
        f"{n} (all interfaces)" if i is None else f"{n} ({', '.join(i)})" for n, i in sorted(ends.items())
    ]
    what = "frames are dropped at" if silent else "set down at"
    out.print()
    _say(out, f"in the lab: {what} {'; '.join(told)}, for {seconds:g} s at least; put back in every case")


def tell_step(out: Console, words: str) -> None:
    """What is being done."""
    _say(out, f"  {words}", "dim")


def tell_experiment(out: Console, found: Experiment) -> None:
    """What was seen in the lab, held against the simulation."""
    rows = [
        (
            one.name,
            {"kept": "keeps its way", "moved": "another way", "lost": "cut off"}[one.expected],
            _in_the_lab(one),
            f"{one.gap_ms:.0f}" if one.lost else "",
            str(one.lost or ""),
            " > ".join(key.partition("/")[2] for key in one.way),
            one.why,
        )
        for one in found.seen
        if one.expected != "kept" or one.lost or not one.agrees
    ]
    heads = ("who asks whom", "simulated", "in the lab", "gap ms", "lost", "way taken", "disagree")
    _print(out, heads, rows, unless_empty=6, right=("gap ms", "lost"))
    still = sum(1 for one in found.seen if one.expected == "kept" and not one.lost and one.agrees)
    if still:
        _say(out, f"{still} more pairs kept their way and lost nothing")
    if found.silent_before:
        _say(out, f"silent before the cut, and not compared: {_names(found.silent_before)}", "yellow")
    if found.routing == "static":
        _say(out, "routes are static here: nobody looks for another way")
    elif found.reroute_s is None and any(one.expected == "moved" for one in found.seen):
        _say(out, "nobody was seen to take another way: there is no time to reroute", "yellow")
    if found.reroute_s is not None:
        busy = f" (the machine was busy: ± {found.stalled_ms:.0f} ms)" if found.stalled_ms > 100 else ""
        _say(out, f"the last one found another way after {found.reroute_s:.2f} s{busy}", "bold")
    what, seconds = ", ".join(found.cut), found.held_s
    if found.restored:
        _say(out, f"{what} was cut for {seconds:.1f} s and is put back; everybody answers as before")
    bad = found.disagreements
    if bad:
        _say(
            out,
            f"simulation and lab disagree about {_count(bad, 'pair')}: look at the ways above, then "
            "`govcloud drift` and `govcloud probe`",
            "red",
        )
    else:
        _say(out, f"simulation and lab agree about {_count(found.seen, 'pair')}", "green")
    link = next((key for key in found.cut if key.startswith(("link/", "node/"))), found.cut[0])
    _say(out, f"the figures are kept: `govcloud show {link}`")


def _in_the_lab(one: Seen) -> str:
    if one.took == "lost":
        return "silent"
    if one.expected == "moved" and one.took == "kept":
        return "was not on the cut"
    return "another way" if one.expected == "kept" and one.took == "moved" else "answers"


def tell_restored(out: Console, done: Restored | None) -> None:
    """What was put back."""
    if done is None:
        _say(out, "no cut is written down: nothing to put back")
        return
    names = ", ".join(done.entries)
    if done.interfaces:
        _say(out, f"{names} is put back: {_names(done.interfaces)}")
    else:
        _say(out, f"{names}: nothing of it is there any more")
    if done.gone:
        _say(out, f"made anew or gone since, and not touched: {_names(done.gone)}")
    _say(out, "`govcloud drift` tells whether all is as it should be, `govcloud probe --wait 30` measures it")


def _print(
    out: Console,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    unless_empty: int,
    right: tuple[str, ...],
) -> None:
    """A table, without that column where nothing stands in it."""
    if not rows:
        return
    if not any(row[unless_empty] for row in rows):
        heads = [head for n, head in enumerate(heads) if n != unless_empty]
        rows = [[cell for n, cell in enumerate(row) if n != unless_empty] for row in rows]
    print_table(out, heads, rows, right=right)


def _way(way: Way) -> str:
    return " > ".join(key.partition("/")[2] or key for key in way.nodes)


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return ", ".join(names[:MOST]) + more


def _count(things: Sequence[object], one: str) -> str:
    return f"{len(things)} {one}{'' if len(things) == 1 else 's'}"


def _say(out: Console, words: str, style: str = "") -> None:
    from rich.text import Text

    print_line(out, Text(visible(words), style))
