"""What a data centre that is there must keep: protection, size, energy, the norm of its rooms."""

from __future__ import annotations

from collections.abc import Iterator

from ..model.datacentre import Rack, Room, Server, Site
from .base import Breach, Case
from .evidence import REVIEW
from .housing import CENTRE_BACK, CENTRE_READS, is_centre
from .registry import rule

RUNNING = ("running", "rebuilding")


def _rooms(case: Case, site: str) -> list[str]:
    return [
        f"room/{name}" for name, room in case.named_by(Room, "site", f"site/{site}") if room.status in RUNNING
    ]


@rule("D-07", "require", "site.role", "site.status", "site.scope", *REVIEW, each=Site)
def centres_are_protected_in_layers(case: Case, name: str, site: Site) -> Iterator[Breach]:
    """A data centre's protection was tested layer by layer.

    A test of graded protection looks at the place, the network, the border, the machines and the management
    (GB/T 22239-2019); an assessment of its security does too.
    """
    if site.role == "office" or site.status not in RUNNING or site.scope == "enterprise":
        return
    key = f"site/{name}"
    if not any(case.reviewed(type, [key]) for type in ("mlps_test", "security_assessment")):
        cure = "a review of type mlps_test or security_assessment that was passed, with its document"
        yield Breach(key, "no test shows that it is protected in all layers", "", (), cure)


@rule(
    "D-08",
    "flag",
    *("site.consolidation", "site.server_count", "site.pue", *CENTRE_READS, "room.site", "rack.room"),
    *("server.rack", "server.status", *REVIEW),
    each=Site,
    back=(*CENTRE_BACK, "room.site", "rack.room", "server.rack"),
)
def centres_that_stay_are_large_and_green(case: Case, name: str, site: Site) -> Iterator[Breach]:
    """A data centre that stays is large, and uses little power beside that of its machines."""
    stays = site.consolidation == "stays" or is_centre(case, name)
    if site.role != "datacentre" or site.status not in RUNNING or not stays:
        return
    policy, key = case.values("centre-quality"), f"site/{name}"
    servers = max(site.server_count, _servers(case, key))
    if servers < policy["servers"]:
        message = f"stays and has {servers} servers; {policy['servers']:g} make it large"
        cure = "merge others into it, or it into a larger one; `server_count`, where it has more"
        yield Breach(key, message, "server_count", (), cure)
    if case.reviewed("green_centre", [key]):
        return
    if not site.pue:
        cure = "`pue`: its yearly mean; or a review of type green_centre"
        yield Breach(key, "stays, and nothing says how green it is", "pue", (), cure)
    elif site.pue > policy["pue"]:
        message = f"stays and has a power use effectiveness of {site.pue:g}; {policy['pue']:g} is the bound"
        yield Breach(
            key, message, "pue", (), "better cooling; a review of type green_centre, where it was judged"
        )


def _servers(case: Case, key: str) -> int:
    return sum(
        server.status in RUNNING
        for room, _ in case.named_by(Room, "site", key)
        for rack, _ in case.named_by(Rack, "room", f"room/{room}")
        for _, server in case.named_by(Server, "rack", f"rack/{rack}")
    )


@rule(
    "D-10",
    "require",
    *("site.role", "site.status", "site.scope", "room.site", "room.status", *REVIEW),
    each=Site,
    back=("room.site",),
)
def rooms_keep_norm_and_secrecy(case: Case, name: str, site: Site) -> Iterator[Breach]:
    """A data centre's rooms were found to keep the norm of their design and what secrecy asks."""
    if site.role != "datacentre" or site.status not in RUNNING or site.scope != "government":
        return
    key = f"site/{name}"
    rooms = _rooms(case, name)
    for type, words in (
        ("room_norm", "the norm of machine rooms"),
        ("secrecy_test", "the demands of secrecy"),
    ):
        missing = [room for room in rooms or [key] if not case.reviewed(type, [room, key])]
        if missing:
            which = "" if missing == [key] else f" in {missing[0]}" + (" and others" if missing[1:] else "")
            cure = f"a review of type {type} that was passed, with its document, of {missing[0]} or {key}"
            yield Breach(key, f"nothing shows that {words} are kept{which}", "", tuple(missing[:3]), cure)
