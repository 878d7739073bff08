"""Plans: what is to do, when it is nothing, and when it is one thing of a thousand."""

from __future__ import annotations

from pathlib import Path

from . import samples
from .fixtures import Fixtures
from .frame import Figure, Work, compare

SIZE = 1000


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
    folder = fixtures.copy(fixtures.built(SIZE))
    work = fixtures.govcloud("plan", at=folder, before=lambda: samples.touch(folder))
    terraform = fixtures.built_terraform(SIZE) if fixtures.has_terraform else None
    pulumi = fixtures.built_pulumi(SIZE) if fixtures.has_time_for_pulumi else None
    return compare("plan-noop-1k", work, _peers(fixtures, terraform, pulumi), fixtures.times(3))


def one(fixtures: Fixtures) -> list[Figure]:
    """One of 1,000 built objects has changed in the files."""
    folder = fixtures.copy(fixtures.built(SIZE))
    samples.enlarge_one(folder)
    # The files of the other objects are as they were; the changed one is read anew each time.
    work = fixtures.govcloud("plan", at=folder, before=lambda: samples.touch(folder))
    peers: list[Work] = []
    if fixtures.has_terraform:
        terraform = fixtures.copy(fixtures.built_terraform(SIZE))
        samples.terraform_enlarge_one(terraform)
        peers = _peers(fixtures, terraform, None)
    return compare("plan-one-1k", work, peers, fixtures.times(3))


BENCHMARKS = {"plan-noop-1k": noop, "plan-one-1k": one}
