"""A rule counts as decided only by fields that something else uses, or by dated evidence (docs/kinds.md)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from govcloud.model import KINDS
from govcloud.policy import decided
from govcloud.policy.standing import standings

ROOT = Path(__file__).parents[2] / "govcloud"
ROOMS = (
    *("plan", "run", "lab", "capacity", "request", "rollout", "merge", "report", "notify", "access"),
    *("addressing", "topology", "devices", "provider", "source"),
)
# Dated, with a document; and the numbers of the policy.
EVIDENCE = frozenset(
    {
        *("review", "inspection", "evaluation", "recovery_plan", "budget", "drill", "waiver", "profile"),
    }
)
LISTED = "the catalogue that `ls --protected` writes shows it"
STEPS = "a step of a migration that is ordered and dated; what it moves are entries that are planned"
OPENED = "a way in counts by its platform and status; this ends one, and can only make it count less"
AMOUNT = "the plan holds all amounts of a quota against what is used, field by field"
PART = "the rule stands on what sites, clouds and applications say; this adds the project that will make them"
JOINED = "a reference to a component or platform that is there and in service, which the rule looks at"
ALLOWED: dict[str, str] = {
    **{f"{kind}.catalogued_on": LISTED for kind in ("application", "cloud", "dataset", "site", "zone")},
    **{f"zone.{field}": LISTED for field in ("duty_person", "mlps")},
    **{f"wave.{field}": STEPS for field in ("document", "ends_at", "method", "moves")},
    **{f"wave.to_{place}": STEPS for place in ("cloud", "site", "zone")},
    **{f"quota.{what}": AMOUNT for what in ("addresses", "disk_gib", "instances", "memory_mib")},
    **{f"quota.{what}": AMOUNT for what in ("vcpus", "volumes")},
    "hotline.closed_on": OPENED,
    "service_entry.closed_on": OPENED,
    "service_entry.platform": JOINED,
    "programme.applications": PART,
    "programme.builds": PART,
    "application.platforms": JOINED,
    "application.exchanges": JOINED,
    "application.docked_with": "X-10 asks the exchange too; this names a second system that must be there",
    "application.province_built": "beside `scope: province`, which plans use; it widens who is looked at",
    "application.rebuilds": "names a component that is offered; the rule looks at the component",
    "boundary.cleaned_on": "the day on which the flows of a boundary, which become filters, were sifted",
    "cloud.temporary": "with `due`: spares a cloud until its day; C-11, which it decides, is not counted",
    "component.source": "the repository from which a component is offered, told by `component`",
    "dataset.applicants": "beside the requests for data, which are counted by unit; it can only add to them",
    "dataset.opened_through": "X-07 asks a review of what stays closed; X-08, which it decides, is not",
    "exchange.private_networks": "the networks between which an exchange passes; the exchange is of the net",
    "exit.direction": "which way an exit leads; exits are counted by what they consist of in the net",
    "exit.provider": "beside contracts, clouds, lines and links of an enterprise, any of which is enough",
    "flow.circuits": "the lines that a flow takes, whose bandwidth the net gives",
    "hotline.complaints": "what a hotline takes in; E-05 stands on which numbers are still answered",
    "private_network.scopes": "adds what a plan leaves out; that there is a plan is proved by a review",
    "security_group.domain": "beside the domain of networks; groups become filters",
    "site.consolidation": "beside the waves that move a centre, whose method counts where it says nothing",
    "site.merge_by": "the day by which what the waves move is to be part of another centre",
}


@cache
def _files() -> list[tuple[frozenset[str], frozenset[str]]]:
    """(Attributes and texts, names) of every file of the rooms."""
    out = []
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            said, names = set(), set()
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.Attribute):
                    said.add(node.attr)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    said.add(node.value)
                elif isinstance(node, ast.Name):
                    names.add(node.id)
                elif isinstance(node, ast.alias):
                    names.add(node.name)
            out.append((frozenset(said), frozenset(names)))
    return out


def _used(field: str) -> bool:
    """Whether a file of another room speaks of the kind, and of a field of the name."""
    kind, _, name = field.partition(".")
    form = KINDS[kind].__name__
    return any(name in said and (form in names or kind in said) for said, names in _files())


def _alone() -> Iterator[tuple[str, str]]:
    """(Rule, field) of what rules that count as decided read and no other room does."""
    for standing in standings():
        if standing.decided:
            for field in dict.fromkeys(decided()[standing.id].reads):
                if field.partition(".")[0] not in EVIDENCE and not _used(field):
                    yield standing.id, field


def test_what_is_decided_is_read_from_what_something_else_uses() -> None:
    wrong = [f"{id}: {field}" for id, field in _alone() if field not in ALLOWED]
    assert wrong == [], "made for rules alone: dated evidence, or a line in lacking.toml"


def test_no_exception_is_kept_that_no_decided_rule_reads() -> None:
    read = {field for one in standings() if one.decided for field in decided()[one.id].reads}
    assert sorted(set(ALLOWED) - read) == []
    assert all(len(reason) > 20 for reason in ALLOWED.values())


def test_what_something_uses_is_told_from_what_nothing_does() -> None:
    assert _used("site.region") and _used("circuit.bandwidth_mbps")
    assert not _used("programme.key_project") and not _used("dataset.same_as")


def test_the_pages_say_how_many_are_decided() -> None:
    count = sum(standing.decided for standing in standings())
    assert count >= 100
    for path in ("docs/check.md", "CHANGELOG.md"):
        text = (ROOT.parent / path).read_text(encoding="utf-8")
        assert f"{count} of the 119 rules" in text, path
