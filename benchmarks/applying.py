"""Applies and drift: the store driver builds rows, so what is measured is everything but the building.

"plain pulumi up" is the engine alone on the same objects by the same provider: one stack, an inline
program, its checkpoints on, which is its own way to be safe from a crash. Ours has no checkpoints: it
writes down what it means to make, and adopts by identity what a dead run has made.
"""

from __future__ import annotations

from statistics import median

from . import samples
from .fixtures import Fixtures
from .frame import Figure, against, compare

# What a call of a cloud's interface takes, ms.
CALL_MS = 20


def small(fixtures: Fixtures) -> list[Figure]:
    """200 objects from nothing, each time in a new place."""
    ours: list[float] = []
    terraform: list[float] = []
    for _ in range(fixtures.times(3)):
        place = fixtures.place("apply")
        samples.workspace(place, fixtures.sizes.few)
        ours.append(fixtures.govcloud("apply", "--yes", at=place).run())
        if fixtures.has_terraform:
            place = fixtures.place("terraform-apply")
            samples.terraform(place, fixtures.sizes.few)
            fixtures.terraform("init", at=place).run()
            terraform.append(fixtures.terraform("apply", "-auto-approve", at=place).run())
    peers = [(f"{fixtures.terraform_name} apply", median(terraform))] if terraform else []
    return against("apply-200", median(ours), peers + _plain(fixtures, fixtures.sizes.few))


def large(fixtures: Fixtures) -> list[Figure]:
    """1,000 objects from nothing, once: what the other benchmarks start from."""
    size = fixtures.sizes.some
    fixtures.built(size)
    peers = []
    if fixtures.has_terraform:
        fixtures.built_terraform(size)
        peers.append((f"{fixtures.terraform_name} apply", fixtures.seconds[f"terraform-{size}"]))
    if not fixtures.quick:
        # Minutes, most of them in checkpoints.
        peers += _plain(fixtures, size)
    return against("apply-1k", fixtures.seconds[f"govcloud-{size}"], peers)


def _plain(fixtures: Fixtures, count: int) -> list[tuple[str, float]]:
    if not fixtures.has_pulumi:
        return []
    place = fixtures.place("pulumi-apply")
    samples.plain(place, count)
    return [("plain pulumi up", fixtures.pulumi("up", at=place).run())]


def one(fixtures: Fixtures) -> list[Figure]:
    """One of 1,000 built objects is changed. Pulumi's stack holds all of them and skips checkpoints."""
    ours = fixtures.copy(fixtures.built(fixtures.sizes.some))
    work = fixtures.govcloud("apply", "--yes", at=ours, before=lambda: samples.enlarge_one(ours))
    peers = []
    if fixtures.has_terraform:
        terraform = fixtures.copy(fixtures.built_terraform(fixtures.sizes.some))
        peers.append(
            fixtures.terraform(
                "apply",
                "-auto-approve",
                at=terraform,
                name="apply",
                before=lambda: samples.terraform_enlarge_one(terraform),
            )
        )
    if fixtures.has_time_for_pulumi:
        pulumi = fixtures.copy(fixtures.built_pulumi(fixtures.sizes.some))
        peers.append(
            fixtures.pulumi(
                "up",
                "--skip-checkpoints",
                at=pulumi,
                name="pulumi up (skips checkpoints)",
                before=lambda: samples.plain(pulumi, fixtures.sizes.some, enlarged=True),
            )
        )
    return compare("apply-one-1k", work, peers, fixtures.times(3))


def drift(fixtures: Fixtures) -> list[Figure]:
    """1,000 objects looked at, each call of the target taking 20 ms.

    Our provider gives Pulumi's reads from one bulk list too, so the peer makes as few calls as we.
    """
    ours = fixtures.copy(fixtures.built(fixtures.sizes.some))
    samples.slow_down(ours, CALL_MS)
    fixtures.govcloud("apply", "--yes", at=ours).run()
    peers = []
    if fixtures.has_time_for_pulumi:
        pulumi = fixtures.copy(fixtures.built_pulumi(fixtures.sizes.some))
        peers.append(fixtures.pulumi("refresh", "--skip-checkpoints", f"--delay-ms={CALL_MS}", at=pulumi))
    note = "the peer reads from our provider's bulk list" if peers else ""
    work = fixtures.govcloud("drift", at=ours)
    return compare("drift-1k", work, peers, fixtures.times(3), note)


BENCHMARKS = {"apply-200": small, "apply-1k": large, "apply-one-1k": one, "drift-1k": drift}
