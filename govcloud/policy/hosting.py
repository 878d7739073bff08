"""What stands on a server fits it: its room, its cloud, and those that share it or must not.

Where no instance says its server, nothing is asked: servers are found by ``govcloud capacity place``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, TypeVar

import msgspec

from ..errors import InputError, Problem
from ..model.application import Application
from ..model.catalogue import Catalogue
from ..model.cloud import Flavor, Instance, Project
from ..model.datacentre import Server
from ..model.policy import Profile
from .base import Breach, Case
from .registry import rule

F = TypeVar("F", bound=msgspec.Struct)

# More than any server has: where nothing is said.
UNBOUNDED = 10**9
_SOURCE = "the ledger's own accounts"
_Ratio = Annotated[float, msgspec.Meta(gt=0, le=64)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=100)]
# Of what a server gives: what it is, which field of it says so, and in which unit.
_ROWS = (("vCPU", "cores", 1), ("GiB of memory", "memory_gib", 1024), ("GiB of disk", "disk_gib", 1))


class Placement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How servers are filled. ``vcpu_per_core``: virtual CPUs that a core carries; ``*_kept_percent``: share
    of a server that stays for its own system; ``own_pool_from``: level of graded protection from which
    systems stand on servers of their own (GB/T 22239, a resource pool of its own); ``prefer``: the fewest
    servers, or an even load. All of them are invented: no document of the provinces names a figure."""

    vcpu_per_core: _Ratio = 4.0
    memory_kept_percent: _Share = 10.0
    disk_kept_percent: _Share = 10.0
    own_pool_from: Annotated[int, msgspec.Meta(ge=1, le=5)] = 4
    prefer: Literal["fewest", "even"] = "fewest"


def figures(cls: type[F], name: str, catalogue: Catalogue) -> F:
    """The numbers of ``profile/NAME``, with their defaults.

    Raises ``InputError`` for a key or a value that is none.
    """
    profile = catalogue.all(Profile).get(name)
    try:
        return msgspec.convert(profile.values if profile else {}, cls)
    except msgspec.ValidationError as error:
        raise InputError(
            [Problem(f"profile/{name}: {error}")],
            hint=f"docs/capacity.md has the keys: {', '.join(cls.__struct_fields__)}",
        ) from None


def placement(catalogue: Catalogue) -> Placement:
    """As ``profile/placement`` says. Raises ``InputError`` as ``figures`` does."""
    return figures(Placement, "placement", catalogue)


def capacity_of(server: Server, numbers: Placement) -> tuple[int, ...]:
    """What a server gives to instances, as vCPUs, MiB, GiB of disk; one that does not say its cores or memory
    gives nothing."""
    if not server.cores or not server.memory_gib:
        return 0, 0, 0
    memory = server.memory_gib * 1024 * (1 - numbers.memory_kept_percent / 100)
    disk = server.disk_gib * (1 - numbers.disk_kept_percent / 100)
    return int(server.cores * numbers.vcpu_per_core), int(memory), int(disk) if disk else UNBOUNDED


@rule(
    "server-room",
    "deny",
    *("instance.server", "instance.flavor", "instance.status", "instance.project", "project.cloud"),
    *("flavor.vcpus", "flavor.memory_mib", "flavor.disk_gib"),
    *("server.cores", "server.memory_gib", "server.disk_gib", "server.cloud"),
    each=Server,
    back=("instance.server",),
    sentence="Instances that say their server are of its cloud, and within what it has.",
    source=_SOURCE,
)
def within_server(case: Case, name: str, server: Server) -> Iterator[Breach]:
    """What all that say this server take of it; what it does not say (0) bounds nothing."""
    key = f"server/{name}"
    mine = [(n, i) for n, i in case.named_by(Instance, "server", key) if i.status != "retired"]
    if not mine:
        return
    projects, flavors = case.catalogue.all(Project), case.catalogue.all(Flavor)
    for instance, said in mine:
        project = projects.get(said.project)
        if server.cloud and project is not None and project.cloud != server.cloud:
            yield Breach(
                f"instance/{instance}",
                f"is of cloud/{project.cloud}, and {key} carries those of cloud/{server.cloud}",
                field="server",
                cure="`govcloud capacity place` finds a server where none is said",
            )
    there = capacity_of(server, placement(case.policy))
    sizes = [flavors[said.flavor] for _, said in mine if said.flavor in flavors]
    needs = [sum(getattr(f, part) for f in sizes) for part in ("vcpus", "memory_mib", "disk_gib")]
    for (what, field, unit), need, room in zip(_ROWS, needs, there, strict=True):
        if getattr(server, field) and server.cores and server.memory_gib and need > room:
            yield Breach(
                key,
                f"{_told(need / unit)} {what} are needed by the {len(mine)} that say it, "
                f"it gives {_told(room / unit)}",
                field=field,
                cure="fewer or smaller ones on it, or none that say it: `govcloud capacity place`",
            )


def _told(amount: float) -> str:
    return f"{round(amount, 1):,.10g}"


@rule(
    "server-pool",
    "deny",
    *("instance.server", "instance.status", "instance.application", "application.mlps", "server.pool"),
    each=Server,
    back=("instance.server",),
    sentence="Instances that say their server are of no level that its pool does not carry.",
    source=_SOURCE,
)
def of_the_pool(case: Case, name: str, server: Server) -> Iterator[Breach]:
    """Those below the levels that have pools of their own; of these ``mlps-pool`` tells."""
    key = f"server/{name}"
    mine = case.named_by(Instance, "server", key) if server.pool else ()
    own = placement(case.policy).own_pool_from if mine else 0
    applications = case.catalogue.all(Application)
    for instance, said in mine:
        application = applications.get(said.application)
        level = application.mlps if application is not None else 0
        if said.status == "retired" or level >= own or (level <= server.pool < own):
            continue
        of = f"of level {level}" if level else "of no level"
        alone = ", which is of its own" if server.pool >= own else ""
        yield Breach(
            f"instance/{instance}",
            f"is {of} on {key} of a pool of level {server.pool}{alone}",
            field="server",
            cure="`govcloud capacity place` finds a server where none is said",
        )


@rule(
    "server-apart",
    "deny",
    *("instance.server", "instance.status", "instance.apart_from", "instance.together_with"),
    each=Instance,
    sentence="Instances that say their server share it with those they must stand with, and no others "
    "that they stay apart from.",
    source=_SOURCE,
)
def apart_and_together(case: Case, name: str, instance: Instance) -> Iterator[Breach]:
    """Of those that an instance names, where both say their server."""
    if not instance.server or instance.status == "retired":
        return
    instances = case.catalogue.all(Instance)
    for field, others in (("apart_from", instance.apart_from), ("together_with", instance.together_with)):
        for other in others:
            found = instances.get(other)
            if found is None or other == name or not found.server or found.status == "retired":
                continue
            if (found.server == instance.server) == (field == "apart_from"):
                told = "stays apart from" if field == "apart_from" else "stands together with"
                at = "both are" if field == "apart_from" else f"that is on server/{found.server}, it"
                yield Breach(
                    f"instance/{name}",
                    f"{told} instance/{other}: {at} on server/{instance.server}",
                    field="server",
                    cure="`govcloud capacity place` finds servers where none is said",
                )
