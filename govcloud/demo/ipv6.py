"""Chapter `ipv6`: a city goes from IPv4 to both, watched packet by packet, and a trunk line is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ..run.watched import LOST
from .stage import Scene, played

if TYPE_CHECKING:
    from rich.console import Console

SAMPLE = "qionghai"
ROLLOUT = "city-ipv6"
# The line that carries the city's traffic; the other one stands in for it.
TRUNK = "link/trunk-data"


class Figures(msgspec.Struct, kw_only=True):
    """What the chapter measured; the keys of `ipv6` in `demo.json`."""

    seconds: float = 0.0
    waves: int = 0
    members: int = 0
    verified: int = -1
    watched_packets: int = 0
    lost_packets: int = -1
    reroute_seconds: float = -1.0
    simulation_agrees: bool = False
    replan_changes: int = -1
    leftovers: list[str] = []

    @property
    def good(self) -> bool:
        """Everything came out as it should."""
        return (
            self.members > 0
            and self.verified == self.members
            and self.watched_packets > 0
            and self.lost_packets == 0
            and self.reroute_seconds >= 0
            and self.simulation_agrees
            and self.replan_changes == 0
            and not self.leftovers
        )

    def sentence(self) -> str:
        """How it came out."""
        return (
            f"{self.verified} of {self.members} members verified over IPv6 in {self.waves} waves, "
            f"{self.lost_packets} of {self.watched_packets} packets lost, another way after "
            f"{self.reroute_seconds:.2f} s, {len(self.leftovers)} leftovers, {self.seconds:.0f} s."
        )


def play(console: Console, *, keep: bool = False) -> Figures:
    """Bring the sample city to IPv6, wave by wave; then cut a trunk line."""
    return played(console, SAMPLE, Figures(), _play, keep=keep)


def _play(scene: Scene, figures: Figures) -> None:
    scene.say("A city on IPv4 alone, under a province that has both.")
    scene.type("init", str(scene.root), "--sample", SAMPLE)
    scene.type("lab", "up")
    scene.type("apply", "--yes")
    scene.say("Its rollout is declared; nobody goes before what carries it.")
    scene.type("ipv6", "plan", ROLLOUT)
    waves = [wave["wave"] for wave in scene.ask("ipv6", "plan", ROLLOUT)["waves"]]
    figures.waves, figures.lost_packets = len(waves), 0
    scene.say("Wave by wave, while every flow that runs already is watched packet by packet.")
    for wave in waves:
        scene.type("ipv6", "run", ROLLOUT, wave, "--yes")
        lost = _evidence(scene, f"rollout/{ROLLOUT}", LOST)
        figures.lost_packets += lost["detail"]["lost"]
        figures.watched_packets += lost["detail"]["sent"]
    scene.say("Done is who shows it: names, delegation, pages, the same content, the delay.")
    scene.type("ipv6", "status", ROLLOUT)
    status = scene.ask("ipv6", "status", ROLLOUT)
    figures.members, figures.verified = status["members"], status["done"]
    scene.say("What if a digger finds the trunk? First worked out, then cut for real, and put back.")
    scene.type("network", "whatif", "--cut", TRUNK, "--measure", "--yes")
    cut = _evidence(scene, TRUNK, f"cut/{TRUNK}")
    figures.simulation_agrees = cut["ok"]
    # Nothing was seen to take another way: then there is no time to tell.
    if cut["value"] is not None:
        figures.reroute_seconds = round(cut["value"], 2)
    scene.say("Planned again: the orders of the rollout stand beside the files, and nothing is left to do.")
    scene.type("plan")
    figures.replan_changes = int(scene.ask("plan")["changes"])
    if not scene.keep:
        scene.type("destroy", "--confirm", f"destroy everything in {SAMPLE}")
        scene.type("lab", "down")


def _evidence(scene: Scene, subject: str, name: str) -> dict[str, Any]:
    """The newest evidence of this name."""
    found: dict[str, Any] = next(e for e in scene.ask("show", subject)["evidence"] if e["name"] == name)
    return found
