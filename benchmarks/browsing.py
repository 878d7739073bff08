"""Commands that read: help, ``ls``, ``validate``, ``search``, ``portrait``."""

from __future__ import annotations

from . import province, samples
from .fixtures import Fixtures
from .frame import Failure, Figure, against, compare, take_turns

# Nautobot 3.2.7 on two cores, its server warm, 10,000 devices: measured once, not in this run. Of its
# searches (328 to 500 ms) the fastest is the peer.
LISTED_S, SEARCHED_S = 0.204, 0.328
QUOTED = "Nautobot 3.2.7, warm, 10,000 devices (quoted)"


def show_help(fixtures: Fixtures) -> list[Figure]:
    """The list of commands, from a cold process."""
    peers = [fixtures.terraform("-help", at=fixtures.folder, name="-help")] if fixtures.has_terraform else []
    ours = fixtures.govcloud("--help", at=fixtures.folder)
    return compare("help", ours, peers, fixtures.times(15), target=0.15)


def ls(fixtures: Fixtures) -> list[Figure]:
    """Of 1,000 built objects, the instances of one network as JSON."""
    size = fixtures.sizes.some
    folder = fixtures.built(size)
    work = fixtures.govcloud("ls", "instance", "network=net-1", "--json", at=folder)
    peers = []
    if fixtures.has_terraform:
        at = fixtures.built_terraform(size)
        peers = [fixtures.terraform("show", "-json", at=at, name="show -json (all)")]
    return compare("ls-1k", work, peers, fixtures.times(9))


def validate(fixtures: Fixtures) -> list[Figure]:
    """Read and judge the files of 1,000 objects after one of them was touched."""
    size = fixtures.sizes.some
    folder = fixtures.copy(fixtures.built(size))
    work = fixtures.govcloud("validate", at=folder, before=lambda: samples.touch(folder))
    peers = []
    if fixtures.has_terraform:
        peers = [fixtures.terraform("validate", at=fixtures.built_terraform(size), name="validate")]
    return compare("validate-1k", work, peers, fixtures.times(9))


def ls_large(fixtures: Fixtures) -> list[Figure]:
    """Of 100,000 entries, the 100 servers of one unit."""
    command = ["ls", "server", f"unit={province.UNIT}"]
    rows = len(fixtures.ask(*command, at=fixtures.recorded(fixtures.sizes.large)))
    if rows != province.HUNDRED:
        raise Failure(f"the filter leaves {rows} rows, not {province.HUNDRED}")
    return [_ask(fixtures, "ls-100k", command, 0.3, LISTED_S)]


def search(fixtures: Fixtures) -> list[Figure]:
    """Two words, in Chinese and in English, anywhere in 100,000 entries."""
    figures = []
    for language, words in province.WORDS.items():
        command = ["search", *words.split()]
        hits = fixtures.ask(*command, at=fixtures.recorded(fixtures.sizes.large))["total"]
        if not hits:
            raise Failure(f"{words}: nothing is found")
        note = f"{language}: {words}, {hits:,} found"
        figures.append(_ask(fixtures, "search-100k", command, 0.3, SEARCHED_S, note))
    return figures


def portrait(fixtures: Fixtures) -> list[Figure]:
    """All about one application among 100,000 entries: one with machines, and the one that most need."""
    one = province.application(fixtures.recorded(fixtures.sizes.large))
    return [
        _ask(fixtures, "portrait-100k", ["portrait", name], 0.4, None, note)
        for name, note in ((one, "one with machines"), (province.HUB, "the one that most others need"))
    ]


def _ask(
    fixtures: Fixtures, name: str, arguments: list[str], target: float, quoted: float | None, note: str = ""
) -> Figure:
    """A reading command from a cold process, all of them on the same ledger."""
    folder = fixtures.recorded(fixtures.sizes.large)
    (seconds,) = take_turns([fixtures.govcloud(*arguments, at=folder)], fixtures.times(9))
    (figure,) = against(name, seconds, [(QUOTED, quoted)] if quoted else [], note, target=target)
    return figure


BENCHMARKS = {
    "help": show_help,
    "ls-1k": ls,
    "validate-1k": validate,
    "ls-100k": ls_large,
    "search-100k": search,
    "portrait-100k": portrait,
}
