"""The file that says what a generated mass is like: places, counts, laws, and what it joins.

``liaoning.yaml`` beside this module is the one that ships; ``--distributions FILE`` takes another of
the same form.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from ..errors import InputError, Problem
from ..model import fields
from .laws import Amount, Chance, Count, Geometric, Said, Shares, Skew

FOLDER = Path(__file__).parent
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$")]
Short = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2,4}$")]
Code = Annotated[str, msgspec.Meta(pattern=r"^\d{6}$")]


class Place(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A city, or the province itself: what it is called, and the hand-written entries it joins."""

    title: str
    short: Short
    code: Code
    region: Name
    unit: Name
    weight: Annotated[float, msgspec.Meta(gt=0)]
    # The data centre that houses machines; one that is still being built has none.
    centre: str = ""
    # The province: the trunk meets here, and its units are provincial.
    top: bool = False


class Joins(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Hand-written entries that generated ones refer to."""

    zone: Name
    classified_zone: Name
    exchange: Name
    hubs: Annotated[list[Name], msgspec.Meta(min_length=1)]


class Spaces(Said, kw_only=True):
    """Address space: private for IPv4, documentation for IPv6."""

    networks4: str
    networks6: str
    loopbacks4: str
    loopbacks6: str
    links4: str
    links6: str

    def parsed(self) -> dict[str, IPv4Network | IPv6Network]:
        """Each prefix by its name. Raises ``ValueError``."""
        out: dict[str, IPv4Network | IPv6Network] = {}
        for name in ("networks", "loopbacks", "links"):
            out[f"{name}4"] = IPv4Network(getattr(self, f"{name}4"))
            out[f"{name}6"] = IPv6Network(getattr(self, f"{name}6"))
        return out


class Flavor(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A size of instance, and how many instances take it."""

    vcpus: Annotated[int, msgspec.Meta(gt=0)]
    memory_mib: Annotated[int, msgspec.Meta(gt=0)]
    disk_gib: Annotated[int, msgspec.Meta(ge=0)]


class Image(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What an instance starts from."""

    os: str
    version: str


class Counts(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How many of each there are at size 1; another size has as many times more or fewer."""

    unit: Count
    site: Count
    room: Count
    rack: Count
    server: Count
    storage: Count
    application: Count
    dependency: Count
    project: Count
    instance: Count
    volume: Count
    endpoint: Count
    # Sums and parts that are no entries of their own.
    area_m2: Count
    storage_tb: Count
    centre_area_m2: Count
    centre_servers: Count
    centre_applications: Count
    province_units: Count


class Laws(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What each figure of an entry is drawn from."""

    unit_level: Shares
    room_servers: Amount
    room_area_m2: Amount
    room_status: Shares
    room_grade: Shares
    rack_power_kw: Amount
    server_status: Shares
    server_bought: Shares
    server_cores: Shares
    server_memory_gib: Shares
    server_disk_gib: Amount
    server_trusted: Shares
    server_with_application: Chance
    storage_type: Shares
    storage_tb: Amount
    storage_used: Amount
    unit_applications: Amount
    application_status: Shares
    application_type: Shares
    application_field: Shares
    application_scope: Shares
    application_mlps: Shares
    application_classified: Chance
    application_important: Chance
    application_exchange: Chance
    application_opened: Shares
    application_users: Amount
    application_yearly_yuan: Amount
    dependencies: Geometric
    dependency_on_hub: Chance
    dependency_skew: Skew
    dependency_strength: Shares
    dependency_by_exchange: Chance
    link_mbps: Shares
    link_km: Amount
    project_instances: Amount
    instance_flavor: Shares
    instance_image: Shares
    instance_status: Shares
    instance_cpu_percent: Amount
    instance_memory_percent: Amount
    volume_gib: Amount
    volume_used_percent: Amount


class Spec(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    version: Literal[1]
    sample: Name
    # The day that everything is seen from; use was checked in the year before it.
    day: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    domain: str
    joins: Joins
    spaces: Spaces
    place_weights: Said
    places: Annotated[dict[Name, Place], msgspec.Meta(min_length=1)]
    flavors: Annotated[dict[Name, Flavor], msgspec.Meta(min_length=1)]
    images: Annotated[dict[Name, Image], msgspec.Meta(min_length=1)]
    machines: Said
    counts: Counts
    laws: Laws

    @property
    def centres(self) -> list[str]:
        """Places whose data centre houses machines."""
        return [name for name, place in self.places.items() if place.centre]

    @property
    def top(self) -> str:
        """The place where the trunk meets."""
        return next(name for name, place in self.places.items() if place.top)


# Values that a law draws -> the field they go to; the model says which it takes.
_DRAWN = {
    "unit_level": ("unit", "level"),
    "room_status": ("room", "status"),
    "room_grade": ("room", "grade"),
    "server_status": ("server", "status"),
    "server_bought": ("server", "bought_on"),
    "server_cores": ("server", "cores"),
    "server_memory_gib": ("server", "memory_gib"),
    "server_trusted": ("server", "trusted"),
    "storage_type": ("storage", "type"),
    "application_status": ("application", "status"),
    "application_type": ("application", "type"),
    "application_field": ("application", "field"),
    "application_scope": ("application", "scope"),
    "application_mlps": ("application", "mlps"),
    "application_opened": ("application", "opened_on"),
    "dependency_strength": ("dependency", "strength"),
    "link_mbps": ("link", "bandwidth_mbps"),
    "instance_status": ("instance", "status"),
}
# In shares: nothing is said of it.
NOTHING = "none"


def shipped() -> list[str]:
    """Names of the files that ship: what ``govcloud generate`` takes."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_spec(path: Path) -> tuple[Spec, bytes]:
    """A file of distributions, and its bytes. Raises ``InputError`` with the place of what is wrong."""
    import yaml

    shown = path.name if path.parent == FOLDER else str(path)
    try:
        data = path.read_bytes()
        raw: Any = yaml.load(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except OSError as error:
        raise InputError([Problem(error.strerror or str(error), shown)]) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        message = getattr(error, "problem", None) or "not readable as YAML"
        raise InputError([Problem(str(message), shown, line, column)]) from None
    try:
        spec = msgspec.convert(raw, Spec)
    except msgspec.ValidationError as error:
        hint = "the file that ships, govcloud/generate/liaoning.yaml, shows the form"
        raise InputError([Problem(str(error), shown)], hint=hint) from None
    problems = [Problem(message, shown) for message in _faults(spec)]
    if problems:
        raise InputError(problems)
    return spec, data


def _faults(spec: Spec) -> list[str]:
    out: list[str] = []
    places = spec.places.values()
    for what in ("short", "code", "region"):
        values = [getattr(place, what) for place in places]
        twice = sorted({value for value in values if values.count(value) > 1})
        out += [f"places: two have the {what} {value!r}" for value in twice]
    if sum(place.top for place in places) != 1:
        out.append("places: exactly one has `top: true`")
    if not spec.centres:
        out.append("places: at least one has a `centre`")
    if len({place.code[:2] for place in places}) > 1:
        out.append("places: their codes are of several provinces")
    try:
        if spec.spaces.parsed()["networks6"].prefixlen > 32:
            out.append("spaces: networks6 is longer than /32, so that no city has a /48")
    except ValueError as error:
        out.append(f"spaces: {error}")
    for name, (kind, field) in _DRAWN.items():
        hint = fields(kind)[field].hint
        for value in getattr(spec.laws, name).of:
            try:
                # A field that names nothing keeps its default.
                if value != NOTHING:
                    msgspec.convert(value, hint, strict=False)
            except msgspec.ValidationError as error:
                out.append(f"laws.{name}: {value!r} is no {field} of {kind}: {error}")
    for name, known in (("instance_flavor", spec.flavors), ("instance_image", spec.images)):
        strange = sorted(set(getattr(spec.laws, name).of) - set(known))
        out += [f"laws.{name}: {value!r} is not among {', '.join(known)}" for value in strange]
    return out
