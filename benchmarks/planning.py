"""Plans: what is to do, when it is nothing, and when it is one thing of many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from . import province, samples
from .fixtures import Fixtures
from .frame import Figure, Work, compare

# What `plan --detailed-exitcode` ends with when there is something to do.
CHANGES = 3


def _peers(fixtures: Fixtures, terraform: Path | None, pulumi: Path | None) -> list[Work]:
    peers = []
    if terraform is not None:
        peers.append(fixtures.terraform("plan", "-refresh=false", at=terraform, name="plan -refresh=false"))
        if not fixtures.quick:
            peers.append(fixtures.terraform("plan", at=terraform, name="plan"))
    if pulumi is not None:
        peers.append(fixtures.pulumi("preview", at=pulumi))
    return peers


def noop(fixtures: Fixtures) -> list[Figure]:
    """Nothing to do among 1,000 built objects; one of our files was touched since."""
    size = fixtures.sizes.some
    folder = fixtures.copy(fixtures.built(size))
    work = fixtures.govcloud("plan", at=folder, before=lambda: samples.touch(folder))
    terraform = fixtures.built_terraform(size) if fixtures.has_terraform else None
    pulumi = fixtures.built_pulumi(size) if fixtures.has_time_for_pulumi else None
    return compare("plan-noop-1k", work, _peers(fixtures, terraform, pulumi), fixtures.times(3))


def one(fixtures: Fixtures) -> list[Figure]:
    """One of 1,000 built objects has changed in the files."""
    size = fixtures.sizes.some
    folder = fixtures.copy(fixtures.built(size))
    samples.enlarge_one(folder)
    # The files of the other objects are as they were; the changed one is read anew each time.
    work = fixtures.govcloud("plan", at=folder, before=lambda: samples.touch(folder))
    peers: list[Work] = []
    if fixtures.has_terraform:
        terraform = fixtures.copy(fixtures.built_terraform(size))
        samples.terraform_enlarge_one(terraform)
        peers = _peers(fixtures, terraform, None)
    return compare("plan-one-1k", work, peers, fixtures.times(3))


def noop_many(fixtures: Fixtures) -> list[Figure]:
    """As ``noop``, with 5,000 built objects; the peers take long, and run once.

    Terraform's state is written as its apply leaves it, and its plan has to find nothing to do.
    """
    size = fixtures.sizes.many
    folder = fixtures.copy(fixtures.built(size))
    ours = _nothing(fixtures, folder, lambda: samples.touch(folder))
    peers: list[Work] = []
    if fixtures.has_terraform:
        at = fixtures.stated_terraform(size)
        for options in (["-refresh=false"], []):
            name = " ".join(["plan", *options])
            peers.append(fixtures.terraform("plan", "-detailed-exitcode", *options, at=at, name=name))
    if fixtures.has_time_for_pulumi:
        peers.append(fixtures.pulumi("preview", at=fixtures.built_pulumi(size)))
    peers = [replace(peer, slow=True) for peer in peers]
    return compare("plan-noop-5k", ours, peers, fixtures.times(9), target=0.25)


def noop_large(fixtures: Fixtures) -> list[Figure]:
    """Nothing to do among 100,000 recorded entries; one file was touched since."""
    folder = fixtures.copy(fixtures.recorded(fixtures.sizes.large))
    work = _nothing(fixtures, folder, lambda: province.touch(folder))
    return compare("plan-noop-100k", work, [], fixtures.times(9), target=0.5)


def one_large(fixtures: Fixtures) -> list[Figure]:
    """One of 100,000 recorded entries has changed in the files, to something else in each turn."""
    folder = fixtures.copy(fixtures.recorded(fixtures.sizes.large))
    turns = iter(range(1, 1000))
    work = fixtures.govcloud(
        "plan",
        "--detailed-exitcode",
        at=folder,
        before=lambda: province.change_one(folder, next(turns)),
        good=CHANGES,
    )
    return compare("plan-one-100k", work, [], fixtures.times(9), target=0.6)


def noop_huge(fixtures: Fixtures) -> list[Figure]:
    """Nothing to do among a million recorded entries; one file was touched since."""
    # Nothing else asks for this ledger, so it needs no copy.
    folder = fixtures.recorded(fixtures.sizes.huge)
    work = _nothing(fixtures, folder, lambda: province.touch(folder))
    return compare("plan-noop-1m", work, [], fixtures.times(3), target=3.0)


def _nothing(fixtures: Fixtures, folder: Path, before: Callable[[], object]) -> Work:
    """A plan that has to find nothing to do."""
    return fixtures.govcloud("plan", "--detailed-exitcode", at=folder, before=before)


BENCHMARKS = {
    "plan-noop-1k": noop,
    "plan-one-1k": one,
    "plan-noop-5k": noop_many,
    "plan-noop-100k": noop_large,
    "plan-one-100k": one_large,
    "plan-noop-1m": noop_huge,
}
