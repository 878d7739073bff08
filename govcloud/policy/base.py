"""What a rule gets and what it gives: the case, and what is wrong in it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Literal, TypeVar, cast

import msgspec

from ..errors import InputError, Problem
from ..model.base import Entry, fields
from ..model.catalogue import Catalogue
from ..model.governance import Evaluation, Inspection, Review, Waiver
from ..model.lines import Circuit
from ..model.network import Zone
from ..model.organisation import Region
from ..model.policy import Profile
from ..topology import Net
from ..topology.net import CARRYING
from ..topology.zones import Crossings, Zones

# deny: must not be; target: a dated goal is missed; require: something must be decided or said first;
# flag: worth a look.
Verdict = Literal["deny", "target", "require", "flag"]

# The province that each document binds, by the first two digits of GB/T 2260 (facts.md, section 3).
BINDS: Mapping[str, str] = {"000": "46", "001": "46", "003": "46", "002": "42", "004": "21"}


E = TypeVar("E", bound=Entry)


class Breach(msgspec.Struct, frozen=True):
    """What a rule found: the entry (``kind/name``), a sentence, the field to look at, the way that proves
    it (vertices and the edges between them in turn), the cure. ``verdict``: if not the rule's own."""

    subject: str
    message: str
    field: str = ""
    witness: tuple[str, ...] = ()
    cure: str = ""
    verdict: Verdict | None = None


class Finding(msgspec.Struct, frozen=True):
    """A breach with the rule that it breaks. ``waiver``: the waiver that lets it pass, ``waiver/NAME``."""

    rule: str
    verdict: Verdict
    strength: str
    source: str
    subject: str
    message: str
    field: str = ""
    witness: tuple[str, ...] = ()
    cure: str = ""
    waiver: str = ""

    @property
    def stops(self) -> bool:
        """Whether it denies or misses a target, and nobody waived it."""
        return self.verdict in ("deny", "target") and not self.waiver


# Tables to which a province may add keys of its own.
OPEN = frozenset({"vendors"})
SORTS: Mapping[type, str] = {
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list of texts",
}


def _alike(known: Any, value: Any) -> bool:
    if isinstance(known, list):
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if isinstance(known, bool) or isinstance(value, bool):
        return isinstance(known, bool) and isinstance(value, bool)
    if isinstance(known, int | float):
        return isinstance(value, int | float) and value >= 0
    # A year may stand without quotes.
    return isinstance(value, str | int)


@cache
def _targets() -> dict[str, dict[str, Any]]:
    text = files(__package__).joinpath("targets.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def tables() -> Mapping[str, Mapping[str, Any]]:
    """The numbers of the policy as the documents say them, by the name of the profile that says others."""
    return _targets()


@dataclass
class Case:
    """What is judged: the entries, their net, and the day.

    ``documents``: those that bind; None: those of the province that the entries are of.
    ``accepted``: of what is proposed, at the gate: what is accepted beside it. Its profiles, its province and
    its waivers decide, so that nobody brings along the policy that he is judged by. None: the entries'
    own. ``renamed``: former ``kind/name`` of entries that are renamed, by the new one.

    What a rule of one entry (``each=``) may ask, so that it need not be asked again of everything where one
    entry changes: ``catalogue.all(Kind).get(name)`` of what its entry names, and on from there; whom
    ``named_by`` finds (the fields by which it looks stand in the rule's ``back=``); evidence (``reviewed``,
    ``reviews``, ``inspections``, ``evaluations``); ``role`` and ``zone_of_network``; ``values``, ``reached``,
    ``days_since``. It walks through no whole table, and asks nothing of ``net``, ``crossings``, ``lines`` or
    ``access``: they are made of everything.
    """

    catalogue: Catalogue
    as_of: date = field(default_factory=date.today)
    documents: frozenset[str] | None = None
    # Whether a value of the policy that is none counts as not said: for what was accepted once.
    lenient: bool = False
    accepted: Catalogue | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)
    # The fields by which the rule at work may go back; None: it looks at everything.
    back: frozenset[str] | None = field(default=None, repr=False)
    # Whether the rule at work reads nothing of a net, and so may not ask for it.
    netless: bool = field(default=False, repr=False)
    _access: dict[frozenset[str] | None, dict[str, tuple[float, str]]] = field(default_factory=dict)
    _naming: dict[tuple[str, str], dict[str, list[tuple[str, Entry]]]] = field(default_factory=dict)
    _values: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def policy(self) -> Catalogue:
        """The entries whose profiles, province and waivers decide."""
        return self.catalogue if self.accepted is None else self.accepted

    def is_new(self, key: str) -> bool:
        """Whether a plan that is judged creates ``kind/name``: whatever it says of itself, it stood nowhere.

        Nothing is where nothing is known to be accepted: in ``check``, and of a first plan, which takes over
        what there is.
        """
        if self.accepted is None:
            return False
        kind, _, name = self.renamed.get(key, key).partition("/")
        return self.accepted.find(kind, name) is None

    @property
    def net(self) -> Net:
        """The net of the entries."""
        self._whole("the net")
        return self._net

    @cached_property
    def _net(self) -> Net:
        return Net.of(self.catalogue)

    @property
    def crossings(self) -> Crossings:
        """Where its zones touch."""
        self._whole("where zones touch")
        return self._crossings

    @cached_property
    def _crossings(self) -> Crossings:
        return Crossings(self.catalogue, self._net)

    def _whole(self, what: str) -> None:
        if self.back is not None:
            raise LookupError(f"a rule of one entry asks for {what}, which is made of everything")
        if self.netless:
            raise LookupError(f"a rule asks for {what}: name in `reads` what it reads of it")

    @cached_property
    def zones(self) -> Zones:
        """Zones and what is within them; it needs no net."""
        return Zones(self.catalogue)

    def role(self, zone: str) -> str:
        """The role of a zone, by the zone it is within; empty for none and for one that is not there."""
        return self.zones.role(zone)

    def zone_of_network(self, name: str) -> str:
        """The zone that a network is part of: of its routing table, else of its gateway; empty for none."""
        return self.zones.zone_of_network(name)

    def named_by(self, kind: type[E], field: str, subject: str) -> Sequence[tuple[str, E]]:
        """Entries of a kind, with their names, whose reference ``field`` names ``subject`` (``kind/name``).

        ``named_by(Instance, "project", "project/x")``: the instances of a project. A rule of one entry
        says ``back=("instance.project",)``; raises ``LookupError`` where it does not.
        """
        if self.back is not None and f"{kind.KIND}.{field}" not in self.back:
            raise LookupError(f"a rule of one entry looks back by {kind.KIND}.{field}: name it in `back`")
        naming = getattr(self.catalogue, "naming", None)
        if naming is not None:
            return cast(Sequence[tuple[str, E]], naming(kind, field, subject))
        table = self._naming.get((kind.KIND, field))
        if table is None:
            table = self._naming[kind.KIND, field] = _by_reference(self.catalogue.all(kind), kind, field)
        return cast(Sequence[tuple[str, E]], table.get(subject, ()))

    @cached_property
    def province(self) -> str:
        """The first two digits of GB/T 2260 of the region of level province; empty where none has a code."""
        regions = self.policy.all(Region).values()
        return next((r.code[:2] for r in regions if r.level == "province" and r.code), "")

    @cached_property
    def binding(self) -> frozenset[str]:
        """The documents that bind: as told, as ``profile/rules`` says, by province; unknown: all."""
        if self.documents is not None:
            return self.documents
        if said := self.values("rules").get("documents"):
            return frozenset(map(str, said))
        return self._of_province or frozenset(BINDS)

    @cached_property
    def _of_province(self) -> frozenset[str]:
        return frozenset(document for document, code in BINDS.items() if code == self.province)

    @property
    def certain(self) -> bool:
        """Whether anything says which documents bind; where nothing does, all are judged by."""
        told = self.documents is not None or self.values("rules").get("documents")
        return bool(told or self._of_province)

    def values(self, name: str) -> dict[str, Any]:
        """The numbers of a table of ``targets.toml``, with those of ``profile/NAME`` in their place.

        Raises ``InputError`` for keys that the table does not have, and values that are not of their sort.
        """
        if name not in self._values:
            self._values[name] = self._read_values(name)
        return self._values[name]

    def _read_values(self, name: str) -> dict[str, Any]:
        known = _targets()[name]
        profile = self.policy.all(Profile).get(name)
        if profile is None:
            return known
        problems = []
        said = dict(profile.values)
        for key, value in profile.values.items():
            if key not in known and name not in OPEN:
                lacks = f"profile/{name}: no rule reads `values.{key}`; there are {', '.join(known)}"
                problems.append(Problem(lacks))
                del said[key]
            elif key in known and not _alike(known[key], value):
                sort = f"{SORTS[type(known[key])]}, as {known[key]!r}"
                problems.append(Problem(f"profile/{name}: `values.{key}` is {value!r}, expected {sort}"))
                del said[key]
        if problems and not self.lenient:
            raise InputError(problems, hint="docs/check.md has the keys of each profile")
        return {**known, **said}

    def reached(self, when: str) -> bool:
        """Whether a year, a month or a day has begun; an empty text never has."""
        return bool(when) and when <= self.as_of.isoformat()[: len(when)]

    def days_since(self, day: str) -> int | None:
        """Days from a day of the calendar (YYYY-MM-DD) until the case's; negative before it; None: no day."""
        return (self.as_of - date.fromisoformat(day)).days if len(day) == 10 else None

    def zones_of(self, role: str) -> frozenset[str]:
        """Names of the zones of a role, with the security domains in them."""
        return frozenset(name for name in self.catalogue.all(Zone) if self.role(name) == role)

    @property
    def lines(self) -> Mapping[str, list[tuple[str, Circuit]]]:
        """Circuits in service by each place that they name (``site/x``, ``unit/y``, ``region/z``)."""
        self._whole("the circuits of every place")
        return self._lines

    @cached_property
    def _lines(self) -> Mapping[str, list[tuple[str, Circuit]]]:
        out: dict[str, list[tuple[str, Circuit]]] = {}
        for name, circuit in self.catalogue.all(Circuit).items():
            if circuit.status in CARRYING:
                for kind, at in (("site", circuit.site), ("unit", circuit.unit), ("region", circuit.region)):
                    if at:
                        out.setdefault(f"{kind}/{at}", []).append((name, circuit))
        return out

    def access(self, zones: frozenset[str] | None) -> Mapping[str, tuple[float, str]]:
        """(Mbit/s, link) of the fastest link to each region from another one, at nodes of these zones."""
        if zones not in self._access:
            net = self.net
            best: dict[str, tuple[float, str]] = {}
            regions, at = net.regions, net.zones
            for edge in net.edges:
                if regions[edge.a] == regions[edge.b]:
                    continue
                for here in (edge.a, edge.b):
                    if zones is None or at[here] in zones:
                        known = best.get(regions[here])
                        if known is None or known < (edge.bandwidth_mbps, edge.entry):
                            best[regions[here]] = (edge.bandwidth_mbps, edge.entry)
            self._access[zones] = best
        return self._access[zones]

    def reviews(self, type: str, subject: str) -> list[tuple[str, Review]]:
        """Reviews of a type of ``kind/name`` that were held by the day, the oldest first."""
        return self._held(Review, subject, type)

    def inspections(self, type: str, subject: str) -> list[tuple[str, Inspection]]:
        """Inspections of a type of ``kind/name`` by the day, the oldest first."""
        return self._held(Inspection, subject, type)

    def evaluations(self, subject: str) -> list[tuple[str, Evaluation]]:
        """Evaluations of ``kind/name`` with a result by the day, the oldest first."""
        return self._held(Evaluation, subject)

    def _held(self, kind: type[Any], subject: str, type: str = "") -> list[tuple[str, Any]]:
        today = self.as_of.isoformat()
        found = self.named_by(kind, "subject", subject)
        held = [one for one in found if one[1].date <= today and (not type or one[1].type == type)]
        return sorted(held, key=lambda one: (one[1].date, one[0])) if len(held) > 1 else held

    def reviewed(self, type: str, subjects: Iterable[str]) -> bool:
        """Whether a review of one of these was passed by the day, names its document and still counts.

        One of the same subject that was not passed ends what older ones found.
        """
        today = self.as_of.isoformat()
        for subject in subjects:
            held = [review for _, review in self._held(Review, subject, type)]
            failed = max((r.date for r in held if not r.passed), default="")
            for r in held:
                counts = r.passed and r.document and (not r.valid_until or r.valid_until >= today)
                if counts and r.date > failed:
                    return True
        return False

    @cached_property
    def _waivers(self) -> Mapping[tuple[str, str], str]:
        return _waivers_in(self.catalogue, self.as_of)

    @cached_property
    def _granted(self) -> Mapping[tuple[str, str], str]:
        return self._waivers if self.accepted is None else _waivers_in(self.accepted, self.as_of)

    def waiver(self, rule: str, subject: str) -> str:
        """The waiver of a rule for an entry that holds on the day, as ``waiver/NAME``; else empty.

        One counts that gives a reason, says who granted it and until when. At the gate it has to be accepted,
        and to stay.
        """
        if (rule, self.renamed.get(subject, subject)) not in self._granted:
            return ""
        return self._waivers.get((rule, subject), "")

    def waiver_to_come(self, rule: str, subject: str) -> str:
        """At the gate, the waiver that would hold if it were accepted already; else empty."""
        found = self._waivers.get((rule, subject), "")
        return "" if self.waiver(rule, subject) else found


def _waivers_in(catalogue: Catalogue, day: date) -> Mapping[tuple[str, str], str]:
    """The waivers that hold on a day, by rule and subject."""
    today = day.isoformat()
    out: dict[tuple[str, str], str] = {}
    for name, waiver in catalogue.all(Waiver).items():
        if waiver.reason and waiver.granted_by and waiver.starts_on <= today <= waiver.ends_on:
            for subject in waiver.subjects:
                out.setdefault((waiver.rule, subject), f"waiver/{name}")
    return out


def _by_reference(
    table: Mapping[str, Entry], kind: type[Entry], field: str
) -> dict[str, list[tuple[str, Entry]]]:
    """Entries by what their field names, as ``kind/name``."""
    info = fields(kind.KIND)[field]
    if info.ref is None:
        raise LookupError(f"{kind.KIND}.{field} names no entry")
    prefix = f"{info.ref.kinds[0]}/" if len(info.ref.kinds) == 1 else ""
    out: dict[str, list[tuple[str, Entry]]] = {}
    for name, entry in table.items():
        if said := getattr(entry, field):
            for one in dict.fromkeys(said) if info.many else (said,):
                out.setdefault(prefix + one, []).append((name, entry))
    for found in out.values():
        found.sort(key=lambda one: one[0])
    return out
