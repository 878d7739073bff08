"""`govcloud capacity review` and `tune`: what is idle, oversized, overloaded, and the requests that
follow."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import Exit, InputError, Problem
from .capacity_entries import Seen, entries_of
from .capacity_samples import Measures, measures, samples_options, told_unknown
from .common import App, console, emit, json_option
from .redacting import redacted

if TYPE_CHECKING:
    from rich.console import Console

    from ..capacity.measuring import Used
    from ..capacity.prices import Prices
    from ..capacity.reviewing import Change, Judged
    from ..capacity.tuning import Tuned

COLOURS = {"overloaded": "red", "idle": "yellow", "oversized": "cyan", "unclear": "dim", "unmeasured": "dim"}
# What asks for something to be done, the most urgent first.
WORDS = ("overloaded", "idle", "oversized", "unclear", "unmeasured", "fine")


@click.command()
@samples_options
@click.option(
    "--record", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write it into the workspace as inspections, which rules C-07 and C-08 read.",
)  # fmt: skip
@json_option
@click.pass_obj
@redacted
def review(
    app: App,
    samples: Path | None,
    prometheus: str | None,
    period: float | None,
    record: Path | None,
    as_json: bool,
) -> int:
    """Who is idle, oversized or overloaded by what samples say, and what a change would save.

    The rules are data: profile/capacity-review. Where samples are too few, that is said and nothing guessed.
    Exit code 3 where something is idle, oversized or overloaded.
    """
    seen = entries_of(app)
    found = _measures(app, seen, samples, prometheus, period)
    judged, price = _judged(seen, found)
    recorded = _record(app, record, judged, found) if record is not None else None
    if as_json:
        emit(_document(judged, found, price, recorded))
    else:
        _show(console(), judged, found, price)
        if record is not None and recorded is not None:
            console().print(f"{recorded} inspections written to {record}", markup=False)
    from ..capacity.tuning import DOES

    return int(Exit.CHANGES if any(one.verdict in DOES for one in judged) else Exit.OK)


def _measures(
    app: App, seen: Seen, samples: Path | None, prometheus: str | None, period: float | None
) -> Measures:
    found = measures(app, seen, samples, prometheus, period)
    if found is None:
        raise InputError([Problem("nothing to look at")], hint="give --samples FILE or --prometheus URL")
    return found


def _judged(seen: Seen, found: Measures) -> tuple[list[Judged], Prices]:
    from ..capacity.figures import Review, figures
    from ..capacity.prices import prices
    from ..capacity.reviewing import review as judge

    price = prices(seen.catalogue)
    every = judge(seen.catalogue, found.used, figures(Review, seen.catalogue), price)
    return [one for one in every if seen.may_tell(one.instance)], price


def _record(app: App, file: Path, judged: list[Judged], found: Measures) -> int:
    """Write the inspections; how many. Raises ``InputError`` where there is such a file, or it is
    elsewhere."""
    from ..capacity.recording import inspections, text_of
    from ..files import write_atomically

    path = file if file.is_absolute() else Path.cwd() / file
    if not path.resolve().is_relative_to(app.workspace.root.resolve()):
        raise InputError([Problem(f"--record: {file} is not in the workspace, {app.workspace.root}")])
    if path.exists():
        raise InputError(
            [Problem(f"--record: {file} is there already")], hint="evidence stays; choose another name"
        )
    entries = inspections(judged, date.today(), found.document)
    if not entries:
        raise InputError([Problem("--record: no instance has samples enough to say anything")])
    write_atomically(path, text_of(path, entries).encode(), 0o644)
    return len(entries)


def _document(judged: list[Judged], found: Measures, price: Prices, recorded: int | None) -> dict[str, Any]:
    from ..capacity.reviewing import total

    return {
        "samples": found.document,
        "unknown": sorted(found.unknown.names),
        "currency": price.currency,
        "per": price.per,
        "saving": _saving(total(judged)),
        "recorded": recorded,
        "instances": [
            {
                "instance": one.instance,
                "project": one.project,
                "unit": one.unit,
                "flavor": one.flavor,
                "verdict": one.verdict,
                "why": one.why,
                "fits": one.fits,
                "samples": one.measured.samples if one.measured else 0,
                "left_out": one.measured.left_out if one.measured else 0,
                "cpu": _used(one.measured.cpu) if one.measured else None,
                "memory": _used(one.measured.memory) if one.measured else None,
                "saving": _saving(one.saving),
            }
            for one in judged
        ],
    }


def _used(used: Used | None) -> dict[str, float] | None:
    return None if used is None else {
        "mean": used.mean, "percentile": used.percentile, "highest": used.highest
    }  # fmt: skip


def _saving(one: Change) -> dict[str, float]:
    return {
        "vcpus": one.vcpus,
        "memory_gib": round(one.memory_gib, 3),
        "disk_gib": one.disk_gib,
        "price": round(one.price, 2),
    }


def _show(out: Console, judged: list[Judged], found: Measures, price: Prices) -> None:
    from collections import Counter

    from rich.text import Text

    from ..capacity.reviewing import total
    from .tables import print_line, print_table

    told = [one for word in WORDS[:-1] for one in judged if one.verdict == word]
    if told:
        rows = [
            (
                one.instance,
                Text(one.verdict, COLOURS[one.verdict]),
                one.flavor,
                one.fits or ("retire" if one.verdict == "idle" else ""),
                _words(one.saving, price),
                one.unit,
                one.why,
            )
            for one in told
        ]
        print_table(out, ("instance", "verdict", "has", "would do", "saves", "unit", "why"), rows)
    counts = Counter(str(one.verdict) for one in judged)
    words = ", ".join(f"{counts[word]} {word}" for word in WORDS if counts[word])
    print_line(out, Text(f"{len(judged)} running: {words or 'none'}"))
    if saving := _words(total(judged), price):
        print_line(out, Text(f"all changes together: {saving}"))
    print_line(out, Text(f"  {found.document}", "dim"))
    if stranger := told_unknown(found.unknown):
        print_line(out, Text(f"  {stranger}", "dim"))


def _words(one: Change, price: Prices) -> str:
    """What a change gives back; what it takes more has a minus."""
    parts = []
    if one.vcpus:
        parts.append(f"{one.vcpus} vCPU")
    if one.memory_gib:
        parts.append(f"{one.memory_gib:g} GiB")
    if one.price:
        per = f"/{price.per}" if price.per else ""
        parts.append(f"{one.price:,.0f} {price.currency or 'yuan'}{per}")
    return ", ".join(parts)


@click.command()
@samples_options
@click.option(
    "--out", "folder", type=click.Path(path_type=Path, file_okay=False), default=Path("requests"),
    show_default=True, metavar="FOLDER", help="Where the requests' files go.",
)  # fmt: skip
@click.option("--title", default="云资源动态调优", show_default=True, help="Title of each request.")
@json_option
@click.pass_obj
@redacted
def tune(
    app: App,
    samples: Path | None,
    prometheus: str | None,
    period: float | None,
    folder: Path,
    title: str,
    as_json: bool,
) -> int:
    """Make a request for each unit out of a review: what is idle retires, what is oversized shrinks, what is
    overloaded grows where there is room.

    The files are for the owners to read, change and submit; nothing else is done.
    """
    seen = entries_of(app)
    judged, _ = _judged(seen, _measures(app, seen, samples, prometheus, period))
    from ..capacity.tuning import tune as make

    tuned = make(seen.catalogue, judged, date.today())
    files = _written(folder, [one for one in tuned if one.instances], title)
    if as_json:
        emit({"requests": [_request(one, files.get(one.name)) for one in tuned]})
    else:
        _tell(console(), tuned, files)
    return int(Exit.OK)


def _written(folder: Path, tuned: list[Tuned], title: str) -> dict[str, Path]:
    """The files by the requests' names. Raises ``InputError`` where one is there already."""
    import yaml

    from ..files import write_atomically

    files = {one.name: folder / f"{one.name}.yaml" for one in tuned}
    there = [Problem(f"{path} is there already") for path in files.values() if path.exists()]
    if there:
        raise InputError(there, hint="look at it first; --out writes elsewhere")
    for one in tuned:
        text = yaml.safe_dump(one.document(title), allow_unicode=True, sort_keys=False, width=110)
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(files[one.name], text.encode(), 0o644)
    return files


def _request(one: Tuned, path: Path | None) -> dict[str, Any]:
    return {
        "unit": one.unit,
        "name": one.name,
        "file": str(path) if path else "",
        "applicant": one.applicant,
        "instances": one.instances,
        "reasons": one.reasons,
        "left": one.left,
    }


def _tell(out: Console, tuned: list[Tuned], files: dict[str, Path]) -> None:
    from rich.text import Text

    from .tables import print_line

    if not tuned:
        out.print("nothing to tune")
    for one in tuned:
        if one.name in files:
            print_line(out, Text.assemble((str(files[one.name]), "bold"), f"  unit/{one.unit}"))
            for words in one.reasons:
                print_line(out, Text(f"  {words}"))
            if not one.applicant:
                print_line(
                    out, Text(f"  `applicant` is missing: unit/{one.unit} has nobody with a duty", "yellow")
                )
        for words in one.left:
            print_line(out, Text(f"  not asked for: {words}", "yellow"))
    if files:
        print_line(out, Text("read them, change them, then: govcloud request submit FILE", "dim"))
