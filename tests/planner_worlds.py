"""Entries to plan with: by hand, and drawn by Hypothesis."""

from __future__ import annotations

import copy
import itertools
from typing import Any

from hypothesis import strategies as st
from planner_model import Proposed

COMMON: Proposed = {
    ("target", "one"): {"driver": "store"},
    ("target", "two"): {"driver": "store", "path": "two.db"},
    ("region", "here"): {"level": "province"},
    ("zone", "z"): {"role": "extranet"},
    ("unit", "u"): {"region": "here"},
    ("site", "main"): {"region": "here", "role": "datacentre"},
    ("site", "spare"): {"region": "here", "role": "recovery"},
    ("room", "main"): {"site": "main"},
    ("room", "spare"): {"site": "spare"},
    ("rack", "main"): {"room": "main"},
    ("rack", "spare"): {"room": "spare"},
    ("cloud", "main"): {"site": "main", "target": "one"},
    ("cloud", "spare"): {"site": "spare", "target": "one"},
    ("project", "main"): {"cloud": "main", "unit": "u"},
    ("project", "spare"): {"cloud": "spare", "unit": "u"},
    ("flavor", "small"): {"vcpus": 1, "memory_mib": 512},
    ("flavor", "large"): {"vcpus": 4, "memory_mib": 4096},
    ("image", "a"): {"os": "A"},
    ("image", "b"): {"os": "B"},
}


def node(target: str = "one", role: str = "core", **fields: Any) -> dict[str, Any]:
    return {"region": "here", "zone": "z", "role": role, "target": target, **fields}


def link(a: str, b: str, **fields: Any) -> dict[str, Any]:
    return {
        "a": a,
        "b": b,
        "a_interface": f"{a}-{b}",
        "b_interface": f"{b}-{a}",
        "bandwidth_mbps": 10,
    } | fields


def chain(count: int, **more: dict[str, Any]) -> Proposed:
    """``count`` nodes in a row; ``more`` are further nodes."""
    out = copy.deepcopy(COMMON)
    names = [f"n{i}" for i in range(count)]
    out |= {("node", name): node() for name in names}
    out |= {("link", f"{a}-{b}"): link(a, b) for a, b in itertools.pairwise(names)}
    return out | {("node", name): fields for name, fields in more.items()}


@st.composite
def entries(draw: st.DrawFn) -> Proposed:
    """A small set of entries that fit together; the same few names come again in every set."""
    out = copy.deepcopy(COMMON)
    pick = lambda *values: draw(st.sampled_from(values))  # noqa: E731
    targets: dict[str, str] = {}
    for name in ("n1", "n2", "n3", "n4"):
        if draw(st.booleans()):
            targets[name] = pick("one", "one", "one", "two", "")
            fields = node(targets[name], pick("core", "access"))
            out["node", name] = {k: v for k, v in fields.items() if v}
    names = list(targets)
    for number in range(draw(st.integers(0, 4)) if len(names) > 1 else 0):
        a, b = draw(st.permutations(names))[:2]
        fields = link(a, b, bandwidth_mbps=pick(10, 20))
        fields |= {"a_interface": f"{pick('x', 'y')}{number}", "b_interface": f"z{number}"}
        out["link", f"l{number}"] = fields
    networks = []
    gateways = [n for n in names if targets[n] == "one"]
    for number in range(draw(st.integers(0, 3)) if gateways else 0):
        fields = {"gateway": pick(*gateways), "interface": f"{pick('p', 'q')}{number}"}
        fields |= pick({}, {"site": "main"}, {"site": "spare"}, {"cloud": "main"}, {"cloud": "spare"})
        networks.append(f"w{number}")
        out["network", networks[-1]] = fields
    for number in range(draw(st.integers(0, 3)) if networks else 0):
        fields = {"rack": pick("main", "spare"), "network": pick(*networks), "target": pick("one", "one", "")}
        out["server", f"s{number}"] = {k: v for k, v in fields.items() if v}
    for number in range(draw(st.integers(0, 3)) if networks else 0):
        out["instance", f"i{number}"] = {
            "project": pick("main", "spare"),
            "flavor": pick("small", "large"),
            "image": pick("a", "b"),
            "network": pick(*networks),
        }
    return out


def renamed(proposed: Proposed, kind: str, old: str, new: str) -> Proposed:
    """The same entries with one renamed, and its users with it."""
    refs = {"node": ("a", "b", "gateway"), "network": ("network",)}.get(kind, ())
    out: Proposed = {}
    for (k, name), fields in proposed.items():
        fields = {f: new if f in refs and v == old else v for f, v in fields.items()}
        if (k, name) == (kind, old):
            out[k, new] = fields | {"was": old}
        else:
            out[k, name] = fields
    return out
