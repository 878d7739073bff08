"""Chapter `base`: a small province from nothing to nothing, measured on the way."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import msgspec

from .stage import Scene, played

if TYPE_CHECKING:
    from rich.console import Console

SAMPLE = "hainan"
# The flow from a village to the provincial cloud; its first line is the one that is cut.
FLOW = "village-haiyiban/"


class Figures(msgspec.Struct, kw_only=True):
    """What the chapter measured; the keys of `demo.json`."""

    seconds: float = 0.0
    nodes: int = 0
    probes: list[dict[str, Any]] = []
    replan_changes: int = -1
    drift_found: int = 0
    drift_left: int = -1
    leftovers: list[str] = []

    @property
    def good(self) -> bool:
        """Everything came out as it should."""
        return (
            self.nodes >= 25
            and bool(self.probes)
            and all(p["ok"] for p in self.probes)
            and self.replan_changes == 0
            and self.drift_found > 0
            and self.drift_left == 0
            and not self.leftovers
        )

    def sentence(self) -> str:
        """How it came out."""
        good = sum(1 for p in self.probes if p["ok"])
        return (
            f"{self.nodes} nodes, {good} of {len(self.probes)} probes good, "
            f"{self.replan_changes} changes when planned again, {self.drift_found} drifted, "
            f"{self.drift_left} left after healing, {len(self.leftovers)} leftovers, "
            f"{self.seconds:.0f} s."
        )


def play(console: Console, *, keep: bool = False) -> Figures:
    """Build, measure, break, heal and take down the sample province."""
    return played(console, SAMPLE, Figures(), _play, keep=keep)


def _play(scene: Scene, figures: Figures) -> None:
    scene.say("A province in files: networks over four levels, a cloud, a data centre, a recovery site.")
    scene.type("init", str(scene.root), "--sample", SAMPLE)
    scene.type("validate")
    scene.say("An empty lab: only its agent runs. Everything else is built by the plan.")
    scene.type("lab", "up")
    scene.say("The plan is the difference between the files and what is accepted, built and seen.")
    scene.type("apply", "--yes")
    figures.nodes = len(scene.ask("lab", "status")["nodes"])
    figures.probes = _probes(scene)
    _table(scene, figures.probes)
    scene.say("Planned again: nothing is left to do.")
    scene.type("plan")
    figures.replan_changes = int(scene.ask("plan")["changes"])
    _break_and_heal(scene, figures)
    if not scene.keep:
        scene.say("Taken down, and said in words that this is meant: users before what they use.")
        scene.type("destroy", "--confirm", f"destroy everything in {SAMPLE}")
        scene.type("lab", "down")


def _probes(scene: Scene) -> list[dict[str, Any]]:
    """The probes of the newest run, as `demo.json` lists them."""
    newest = scene.ask("runs", "list")[0]["id"]
    evidence = scene.ask("runs", "show", newest)["evidence"]
    return [
        {
            "name": e["name"],
            "source": e["detail"]["source"],
            "target": e["detail"]["target"],
            "ip_version": e["detail"]["ip_version"],
            "path": e["detail"]["path"],
            "ok": e["ok"],
            "value": e["value"],
            "unit": e["unit"],
        }
        for e in sorted(evidence, key=lambda e: e["name"])
    ]


KINDS = tuple(f"{kind}/{version}" for kind in ("reach", "dns", "http") for version in (4, 6))


def _table(scene: Scene, probes: list[dict[str, Any]]) -> None:
    """A line a flow with its figures, and under it the way that its packets took."""
    from rich.padding import Padding
    from rich.text import Text

    flows: dict[str, dict[str, dict[str, Any]]] = {}
    for probe in probes:
        flow, _, kind = probe["name"].partition("/")
        flows.setdefault(flow, {})[kind] = probe
    scene.say("Measured from villages and islands, every probe across every level between:")
    heads = "".join(f"{k.replace('/', ' v'):>10}" for k in KINDS)
    scene.console.print(f"[dim]  {'ms':22}{heads}[/dim]")
    for flow, found in flows.items():
        mark = "[green]✓[/green]" if all(p["ok"] for p in found.values()) else "[red]✗[/red]"
        one = next(iter(found.values()))
        way = " › ".join([one["source"], *one["path"], one["target"]])
        if any(k in found for k in KINDS):
            scene.console.print(f"{mark} {flow:22}{''.join(_figure(found.get(k)) for k in KINDS)}")
        else:
            figures = ", ".join(f"v{p['ip_version']} {p['value']:.1f} {p['unit']}" for p in found.values())
            scene.console.print(f"{mark} {flow:22} copy at the recovery site, age over {figures}")
        if scene.console.is_terminal:
            # Broken between words; in a pipe it stays one line.
            scene.console.print(Padding(Text(way, "dim"), (0, 0, 0, 4), expand=False), soft_wrap=False)
        else:
            scene.console.print(f"    {way}")


def _figure(probe: dict[str, Any] | None) -> str:
    if probe is None or probe["value"] is None:
        return f"{'–':>10}"
    return f"{probe['value']:>10.1f}" if probe["ok"] else f"[red]{probe['value']:>10.1f}[/red]"


def _break_and_heal(scene: Scene, figures: Figures) -> None:
    """Somebody pulls a cable that traffic needs, and slows another one down."""
    flow = next(p for p in figures.probes if p["name"].startswith(FLOW))
    links = {frozenset((link["a"], link["b"])): link for link in scene.ask("lab", "status")["links"]}
    way = [flow["source"], *flow["path"]]
    cut = next(links[pair] for pair in map(frozenset, itertools.pairwise(way)) if pair in links)
    scene.say(f"Somebody pulls a cable at three in the morning: {cut['name']}.")
    interface = cut["a_interface"]
    scene.type("lab", "exec", cut["a"], "--", "ip", "link", "delete", interface)
    village = FLOW.rstrip("/")
    scene.type("probe", village, expect=(3,))
    scene.type("drift", expect=(3,))
    figures.drift_found = int(scene.ask("drift", expect=(3,))["deviations"])
    scene.say("Healing is a plan like any other.")
    scene.type("apply", "--yes")
    scene.type("probe", village)
    scene.type("drift", expect=(0, 3))
    figures.drift_left = int(scene.ask("drift", expect=(0, 3))["deviations"])
