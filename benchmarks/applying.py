"""Applies and drift: the store driver builds rows, so what is measured is everything but the building.

"plain pulumi up" is the engine alone on the same objects by the same provider: one stack, an inline
program, its checkpoints on, which is its own way to be safe from a crash. Ours has no checkpoints: it
writes down what it means to make, and adopts by identity what a dead run has made.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import median

from . import samples
from .fixtures import Fixtures
from .frame import Figure, TooLong, against, compare

# What a call of a cloud's interface takes, ms.
CALL_MS = 20
# Seconds after which a peer's apply of 5,000 is ended; where it is, the figure is a lower bound.
LIMIT = 600
PLAIN = "plain pulumi up"
# How many times as long the peers' applies have to take.
GOALS = {PLAIN: 5.0, "terraform": 1.0}


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
    return _with_goals(against("apply-1k", fixtures.seconds[f"govcloud-{size}"], peers))


def largest(fixtures: Fixtures) -> list[Figure]:
    """5,000 objects from nothing, once. Plain Pulumi goes without checkpoints: with them a thousand take a
    minute, and their cost grows with the square.
    """
    size = fixtures.sizes.many
    fixtures.built(size)
    ours = fixtures.seconds[f"govcloud-{size}"]
    figures = []
    if fixtures.has_time_for_pulumi:
        fixtures.built_pulumi(size)
        note = "the peer is not safe from a crash"
        peer = ("pulumi up (skips checkpoints)", fixtures.seconds[f"pulumi-{size}"])
        figures += against("apply-5k", ours, [peer], note)
    if fixtures.has_terraform and not fixtures.quick:
        place = fixtures.place("terraform-apply")
        samples.terraform(place, size)
        fixtures.terraform("init", at=place).run()
        work = fixtures.terraform("apply", "-auto-approve", at=place, limit=LIMIT)
        note = ""
        try:
            seconds = work.run()
        except TooLong:
            seconds, note = (
                float(LIMIT),
                f"the peer was ended after {LIMIT} s, unfinished: at least so far ahead",
            )
        figures += against("apply-5k", ours, [(f"{fixtures.terraform_name} apply", seconds)], note)
    return _with_goals(figures or against("apply-5k", ours, []))


def _with_goals(figures: list[Figure]) -> list[Figure]:
    return [
        replace(f, target_ratio=next((g for p, g in GOALS.items() if f.peer.startswith(p)), None))
        for f in figures
    ]


def _plain(fixtures: Fixtures, count: int) -> list[tuple[str, float]]:
    if not fixtures.has_pulumi:
        return []
    place = fixtures.place("pulumi-apply")
    samples.plain(place, count)
    return [(PLAIN, fixtures.pulumi("up", at=place).run())]


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


def one_of_many(fixtures: Fixtures) -> list[Figure]:
    """One of 5,000 built objects is changed; the peers' one stack or state holds all of them."""
    size = fixtures.sizes.many
    ours = fixtures.copy(fixtures.built(size))
    work = fixtures.govcloud("apply", "--yes", at=ours, before=lambda: samples.enlarge_one(ours))
    peers = []
    if fixtures.has_time_for_pulumi:
        pulumi = fixtures.copy(fixtures.built_pulumi(size))
        peers.append(
            fixtures.pulumi(
                "up",
                "--skip-checkpoints",
                at=pulumi,
                name="pulumi up (skips checkpoints)",
                before=lambda: samples.plain(pulumi, size, enlarged=True),
                slow=True,
            )
        )
    if fixtures.has_terraform and not fixtures.quick:
        terraform = fixtures.copy(fixtures.stated_terraform(size))
        peers.append(
            fixtures.terraform(
                "apply",
                "-auto-approve",
                at=terraform,
                name="apply",
                before=lambda: samples.terraform_enlarge_one(terraform),
                slow=True,
            )
        )
    return compare("apply-one-5k", work, peers, fixtures.times(3), target=4)


def drift(fixtures: Fixtures) -> list[Figure]:
    """1,000 objects looked at, each call of the target taking 20 ms.

    The peer reads each object by a call, as providers do; and once more by our provider as it is, which
    gives Pulumi's reads from one bulk list, so that it makes as few calls as we.
    """
    ours = fixtures.copy(fixtures.built(fixtures.sizes.some))
    samples.slow_down(ours, CALL_MS)
    fixtures.govcloud("apply", "--yes", at=ours).run()
    peers = []
    if fixtures.has_time_for_pulumi:
        pulumi = fixtures.copy(fixtures.built_pulumi(fixtures.sizes.some))
        options = ("--skip-checkpoints", f"--delay-ms={CALL_MS}")
        peers.append(fixtures.pulumi("refresh", *options, "--one-by-one", at=pulumi))
        listed = "pulumi refresh from our bulk list"
        peers.append(fixtures.pulumi("refresh", *options, at=pulumi, name=listed))
    work = fixtures.govcloud("drift", at=ours)
    figures = compare("drift-1k", work, peers, fixtures.times(3), target_ratio=10)
    # The goal is over a driver that takes its time for each call.
    return [figures[0], *(replace(figure, target_ratio=None) for figure in figures[1:])]


BENCHMARKS = {
    "apply-200": small,
    "apply-1k": large,
    "apply-one-1k": one,
    "apply-5k": largest,
    "apply-one-5k": one_of_many,
    "drift-1k": drift,
}
