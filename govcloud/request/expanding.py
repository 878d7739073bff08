"""A request's form -> the entries that it asks for, or everything that is wrong with it.

What a form may ask for is bounded here, once, for every door: kinds that it may make, entries that are there
already, what belongs to another unit, expressions in texts. Rules judge what comes out, in the plan.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any

import msgspec

from ..addressing.wishes import ALLOCATOR
from ..errors import InputError, Problem
from ..ledger.claims import claims_on
from ..ledger.connection import Connection
from ..model import KINDS, PLURALS, fields
from ..model.catalogue import references, split_ref
from ..source.claims import Draft, Table
from ..source.convert import convert_draft
from ..source.words import Hints, one_of, shown
from ..workspace import Workspace
from .document import Document, Way, problem
from .filling import made
from .ground import Ground, Key, owning
from .parameters import Form, unsafe
from .templates import Template, catalogue, unknown

# What is copied is its owner's, whatever kind it is of (`backup.subject`).
SUBJECT = "subject"
# Faults that are told of one form; to look for a hint for each of very many takes long.
MOST_TOLD = 200
# Who says the entries of a request: this and its name.
CLAIMANT = "request:"


def expand(
    workspace: Workspace, connection: Connection, document: Document, *, hidden: Collection[Key] = ()
) -> dict[Key, dict[str, Any]]:
    """The entries that a request asks for, fields as said, by (kind, name); without ``request/NAME`` itself.

    ``hidden``: entries that the asker may not see; there is none of such a name. Raises ``InputError`` with
    every fault, each with its place where the document was read from a file.
    """
    return _Expansion(catalogue(workspace), connection, document, Ground(connection, hidden)).entries()


def ground_with(
    workspace: Workspace, connection: Connection, document: Document, *, hidden: Collection[Key] = ()
) -> Ground:
    """The ledger with what a form asks for already, for an item that is added to it."""
    ground = Ground(connection, hidden)
    _Expansion(catalogue(workspace), connection, document, ground).read()
    return ground


class _Expansion:
    """One request on its way."""

    def __init__(
        self, templates: Mapping[str, Template], connection: Connection, document: Document, ground: Ground
    ) -> None:
        self._templates, self._document, self._ground = templates, document, ground
        self._connection = connection
        self._claimant = CLAIMANT + document.name
        self._hints = Hints()
        self._problems: list[Problem] = []
        # Where each entry comes from: the item, or the free entry.
        self._ways: dict[Key, Way] = {}
        self._made = ground.made
        self._most: int = ground.policy["most_entries"]
        # Whether all of it was read.
        self._whole = True

    def entries(self) -> dict[Key, dict[str, Any]]:
        self._people()
        self._texts(_plain(self._document), ())
        self.read()
        changed = sum(map(len, self._document.changes.values())) + len(self._document.retires)
        if (items := len(self._document.items)) > self._most:
            self._tell(("items",), f"has {items} items, and {self._most} may be", "ask in parts")
        elif not self._problems and not self._made and not changed:
            self._tell((), "asks for nothing", "items, each with a template: `govcloud request templates`")
        elif (many := len(self._made) + changed) > self._most:
            told = f"asks for {many} entries at once" if self._whole else f"asks for {many} entries and more"
            self._tell((), f"{told}, and {self._most} may be", "ask in parts")
        else:
            self._convert()
            self._judge()
        if self._many_faults:
            self._problems.append(problem(self._document, (), f"only the first {MOST_TOLD} faults are told"))
        if self._problems:
            raise InputError(_sorted(self._problems))
        return self._made

    def read(self) -> None:
        """All that it makes, into the ground; no more than may be."""
        # Free entries first, so that items may refer to them; items may to those before them.
        self._free()
        if len(self._document.items) > self._most:
            return
        for number in range(len(self._document.items)):
            if len(self._made) > self._most or self._many_faults:
                self._whole = False
                break
            self._item(number)

    @property
    def _many_faults(self) -> bool:
        return len(self._problems) >= MOST_TOLD

    def _tell(self, way: Way, message: str, hint: str = "", *, on_key: bool = False) -> None:
        if not self._many_faults:
            self._problems.append(problem(self._document, way, message, hint, on_key=on_key))

    def _people(self) -> None:
        """The unit, whoever asks, and the investment project are there."""
        for field, kind in (("unit", "unit"), ("applicant", "person"), ("programme", "programme")):
            name = getattr(self._document, field)
            if (name or field != "programme") and self._ground.get(kind, name) is None:
                hint = self._hints.did_you_mean(name, self._ground.table(kind).keys())
                self._tell((field,), f"`{field}`: no {kind} is called {shown(name)}", hint)

    def _texts(self, value: Any, way: Way) -> None:
        """No text of a request holds an expression or what cannot be shown; parameters tell it themselves."""
        if isinstance(value, dict):
            for key, one in value.items():
                self._texts(key, (*way, key))
                if way[:1] != ("items",) or key != "parameters":
                    self._texts(one, (*way, key))
        elif isinstance(value, list):
            for number, one in enumerate(value):
                self._texts(one, (*way, number))
        elif isinstance(value, str) and (reason := unsafe(value)):
            self._tell(way, f"{shown(value)}: {reason}", "write it in plain words")

    def _item(self, number: int) -> None:
        item = self._document.items[number]
        way: Way = ("items", number)
        template = self._templates.get(item.template)
        if template is None:
            self._tell((*way, "template"), *unknown(self._templates, item.template))
            return
        values, faults = (form := Form(template, self._ground, self._document)).filled(item.parameters)
        for fault in faults:
            there = fault.parameter in item.parameters
            at = (*way, "parameters", fault.parameter) if there else way
            stranger = fault.parameter not in template.asked
            self._tell(at, f"{item.template}: {fault.message}", fault.hint, on_key=stranger)
        if faults:
            return
        for one in made(template, form.variables(values)):
            if not _begins_with(one.name, self._document.name):
                message = f"makes {one.kind}/{one.name}; names that a template makes begin with the request's"
                self._tell(way, f"{item.template}: {message}", "`{{ name }}` is what they begin with")
            self._add((one.kind, one.name), one.fields, way)

    def _free(self) -> None:
        for plural, table in self._document.entries.items():
            kind = PLURALS.get(plural)
            if kind is None:
                hint = self._hints.did_you_mean(plural, PLURALS.keys())
                self._tell(("entries", plural), f"no kind is called {shown(plural)}", hint, on_key=True)
                continue
            for name, said in table.items():
                self._add((kind, name), said, ("entries", plural, name))

    def _add(self, key: Key, said: dict[str, Any], way: Way) -> None:
        kind, name = key
        if kind not in self._ground.kinds():
            message = f"asks for {kind}/{name}; entries of the kind {kind} are not made by requests"
            self._tell(way, message, f"kinds: {one_of(sorted(self._ground.kinds()))}")
        elif key in self._ways:
            other = self._ways[key]
            first = f"items[{other[1]}]" if other[0] == "items" else "entries"
            message = f"{kind}/{name} is asked for twice, first by {first}"
            self._tell(way, message, "give one of the items a `part`, which goes into the names it makes")
        else:
            self._ways[key] = way
            self._made[key] = said

    def _convert(self) -> None:
        """Hold the fields against their kinds; what is right stays."""
        draft = Draft()
        for plural in {KINDS[kind].PLURAL: None for kind, _ in self._made}:
            kind = PLURALS[plural]
            names = [name for of, name in self._made if of == kind]
            raws = [dict(self._made[kind, name]) for name in names]
            draft.tables.append(Table(kind, plural, names, raws, [0] * len(names)))
        blocks = convert_draft(draft, self._hints)
        for fault in draft.faults:
            key = (PLURALS[str(fault.path[0])], str(fault.path[1]))
            way = self._ways[key]
            whole = ("entries", *fault.path) if way[0] == "entries" else way
            self._tell(whole, fault.message, fault.hint, on_key=fault.on_key)
        for block in blocks:
            for name, said in zip(block.names, block.fields, strict=True):
                self._made[block.kind, name] = said

    def _judge(self) -> None:
        """Nothing that is there already, nothing of others, nobody that is not there."""
        for key in sorted(self._ground.taken(self._made.keys()) - self._mine()):
            message = f"{key[0]}/{key[1]} is there already; a request makes what is new"
            hint = "choose another name for the request, the item or the entry; `changes` takes what is there"
            self._tell(self._ways[key], message, hint)
        withheld = set(map(str, self._ground.policy["withheld"]))
        for key, said in self._made.items():
            if self._many_faults:
                break
            way = self._ways[key]
            for field in sorted(withheld & {f"{key[0]}.{field}" for field in said}):
                field = field.partition(".")[2]
                at = (*way, field) if way[0] == "entries" else way
                message = f"{key[0]}/{key[1]}: `{field}` is not said by requests"
                self._tell(at, message, "whoever runs the cloud says it in a file", on_key=at != way)
            nowhere = dangling(self._ground, self._hints, self._document.name, key, said)
            for field, message, hint in islice(nowhere, MOST_TOLD):
                at = (*way, field) if way[0] == "entries" else way
                self._tell(at, f"{key[0]}/{key[1]}: `{field}`: {message}", hint)
            if key[0] == "endpoint":
                for message in same_name(self._ground, self._document.unit, key[1], said):
                    at = (*way, "host") if way[0] == "entries" else way
                    self._tell(at, f"{key[0]}/{key[1]}: `host`: {message}", "choose another `host` or `port`")
            for field, message in of_others(self._ground, self._document.unit, key, said):
                at = (*way, field) if way[0] == "entries" and field else way
                self._tell(
                    at, f"{key[0]}/{key[1]} {message}", "a unit asks for its own; the other asks itself"
                )

    def _mine(self) -> set[Key]:
        """The entries that the same request made before: nobody else says anything of them."""
        others = {
            row.key
            for row in claims_on(self._connection, self._made.keys())
            if row.claimant not in (self._claimant, ALLOCATOR)
        }
        mine = {r.key for r in claims_on(self._connection, self._made.keys()) if r.claimant == self._claimant}
        return mine - others


def of_others(ground: Ground, unit: str, key: Key, said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(field, what to say) where an entry would be another unit's or nobody's, or would use another's.

    ``said``: its fields, or those that change of one that is there.
    """
    whole = {**(ground.get(*key) or {}), **said}
    owner = ground.owner(key[0], whole)
    if owner not in ("", unit) and ground.get("unit", owner) is not None:
        yield "unit" if "unit" in said else "", f"would be of unit/{owner}, and unit/{unit} asks"
        return
    if ground.unowned(key[0], whole):
        field = owning(key[0])[0]
        yield field if field in said else "", f"would be of no unit that is known, and unit/{unit} asks"
        return
    own, surely, shared = (set(ground.policy[of]) for of in ("own", "surely_own", "shared"))
    for info, value in references(key[0], said):
        if f"{key[0]}.{info.name}" in shared:
            continue
        with suppress(ValueError):  # told as leading nowhere
            assert info.ref is not None
            kind, name = split_ref(info.ref, value)
            there = ground.get(kind, name)
            if there is None or (kind, name) in ground.made:
                continue
            of = ground.owner(kind, there)
            mine = kind in own | surely or info.name == SUBJECT
            if mine and of != unit and (of or kind in surely):
                whose = f"which is of unit/{of}" if of else "of which nobody says whose it is"
                yield info.name, f"uses {kind}/{name}, {whose}"


def same_name(ground: Ground, unit: str, name: str, said: Mapping[str, Any]) -> Iterator[str]:
    """What to say of an endpoint whose name and port are another's, or whose name is another unit's at all:
    who asks for it would be sent to both."""
    zone, host = said.get("dns_zone"), said.get("host")
    if not isinstance(zone, str) or not isinstance(host, str):
        return
    port = fields("endpoint")["port"].default
    for other, there in ground.answering(zone, host):
        at = there.get("port", port)
        if other == name or (at != said.get("port", port) and ground.owner("endpoint", there) == unit):
            continue
        whose = f"endpoint/{other}, port {at}" if other else "others"
        yield f"{host} in dns_zone/{zone} is the name of {whose}"


def dangling(
    ground: Ground, hints: Hints, request: str, key: Key, said: Mapping[str, Any]
) -> Iterator[tuple[str, str, str]]:
    """(field, message, hint) of each reference that leads nowhere."""
    for info, value in references(key[0], said):
        assert info.ref is not None
        try:
            kind, name = split_ref(info.ref, value)
        except ValueError as error:
            yield info.name, str(error), ""
            continue
        itself = (kind, name) == ("request", request)
        if itself or ground.get(kind, name) is not None:
            continue
        hint = hints.did_you_mean(name, ground.table(kind).keys())
        yield info.name, f"no {kind} is called {shown(name)}", hint


def _plain(document: Document) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(document)
    return plain


def _begins_with(name: str, request: str) -> bool:
    return name == request or name.startswith((f"{request}-", f"{request}.", f"{request}_"))


def _sorted(problems: list[Problem]) -> list[Problem]:
    return sorted(dict.fromkeys(problems), key=lambda p: (p.line, p.column))
