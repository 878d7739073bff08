"""Commands that read: help, ``ls``, ``validate``."""

from __future__ import annotations

from . import samples
from .fixtures import Fixtures
from .frame import Figure, compare

SIZE = 1000


def show_help(fixtures: Fixtures) -> list[Figure]:
    """The list of commands, from a cold process."""
    peers = [fixtures.terraform("-help", at=fixtures.folder, name="-help")] if fixtures.has_terraform else []
    return compare("help", fixtures.govcloud("--help", at=fixtures.folder), peers, fixtures.times(15))


def ls(fixtures: Fixtures) -> list[Figure]:
    """Of 1,000 built objects, the instances of one network as JSON."""
    folder = fixtures.built(SIZE)
    work = fixtures.govcloud("ls", "instance", "network=net-1", "--json", at=folder)
    peers = []
    if fixtures.has_terraform:
        at = fixtures.built_terraform(SIZE)
        peers = [fixtures.terraform("show", "-json", at=at, name="show -json (all)")]
    return compare("ls-1k", work, peers, fixtures.times(9))


def validate(fixtures: Fixtures) -> list[Figure]:
    """Read and judge the files of 1,000 objects after one of them was touched."""
    folder = fixtures.copy(fixtures.built(SIZE))
    work = fixtures.govcloud("validate", at=folder, before=lambda: samples.touch(folder))
    peers = []
    if fixtures.has_terraform:
        peers = [fixtures.terraform("validate", at=fixtures.built_terraform(SIZE), name="validate")]
    return compare("validate-1k", work, peers, fixtures.times(9))


BENCHMARKS = {"help": show_help, "ls-1k": ls, "validate-1k": validate}
