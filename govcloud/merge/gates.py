"""What must be decided before a private network may be merged: N-02, N-05, N-08 to N-10, N-19, N-20.

A gate that is shut says the rule, what is missing, and what to write where.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from ..errors import DeniedError
from ..model.application import Endpoint
from ..model.governance import Review, Waiver
from ..model.lines import Boundary, Exchange, PrivateNetwork
from .reading import World


@dataclass(frozen=True)
class Gate:
    """One condition. ``state``: open, shut, or noted (told, and stops nothing).

    ``words``: how it stands; ``place``: where the entry concerned is said; ``write``: YAML that opens it.
    """

    rule: str
    about: str
    state: str
    words: str
    place: str = ""
    write: str = ""


def gates(world: World, name: str, today: date) -> list[Gate]:
    """Every gate before the merge of a private network, in the order in which they are decided."""
    own = world.find(name)
    found = [classification(world, name, own, today)]
    found += _target(world, name, own, today)
    found += [_boundary(world, name, today), _access(world, name, own, today)]
    found += _exchanges(world, name, own)
    return found


def classification(world: World, name: str, own: PrivateNetwork, today: date) -> Gate:
    """N-02: whether it is classified has been decided: with reason, date and person."""
    about = f"private_network/{name}"
    missing = [f for f in ("classified_on", "classified_by", "classified_reason") if not getattr(own, f)]
    place = _place(world, "private_network", name)
    if not missing and own.classified_on > today.isoformat():
        words = f"it is to be decided on {own.classified_on}, which is still to come"
        return Gate("N-02", about, "shut", words, place)
    if not missing:
        verdict = "classified" if own.classified else "not classified"
        words = f"{verdict}, decided on {own.classified_on} by {own.classified_by}: {own.classified_reason}"
        return Gate("N-02", about, "open", words, place)
    write = [
        "private_networks:",
        f"  {name}:",
        f"    classified: {'true' if own.classified else 'false'}  # or the other",
        f'    classified_on: "{own.classified_on or "YYYY-MM-DD"}"',
        f"    classified_by: {own.classified_by or 'PERSON'}",
        f"    classified_reason: {own.classified_reason or 'WHY'}",
    ]
    words = f"not decided whether it is classified: {', '.join(f'`{field}`' for field in missing)} not said"
    return Gate("N-02", about, "shut", words, place, "\n".join(write))


def _target(world: World, name: str, own: PrivateNetwork, today: date) -> Iterator[Gate]:
    """Classified to the intranet, otherwise to the extranet (002:L18, 001:L240)."""
    about, place = f"private_network/{name}", _place(world, "private_network", name)
    wanted = "intranet" if own.classified else "extranet"
    rule = "N-01" if own.classified else "N-05"
    role = world.role_of(own.merges_into)
    write = f"private_networks:\n  {name}:\n    merges_into: ZONE  # a zone whose role is {wanted}"
    if not own.merges_into:
        yield Gate(rule, about, "shut", f"`merges_into` does not say where to: the {wanted}", place, write)
    elif role != wanted:
        which = "classified" if own.classified else "not classified"
        words = f"it is {which}, and {own.merges_into} is no {wanted} but of role {role}"
        yield Gate(rule, about, "shut", words, place, write)
    else:
        yield Gate(rule, about, "open", f"into {own.merges_into}, of role {role}", place)
    if not own.classified and own.extranet_suffices == "denied":
        waived = _waived(world, "N-05", about)
        words = "the extranet does not meet what its applications need"
        if waived:
            yield Gate("N-05", about, "shut", f"{words}: it stays apart by waiver/{waived}", place)
        else:
            hint = f"waivers:\n  {name}:\n    rule: N-05\n    subjects: [{about}]\n    reason: WHY"
            yield Gate("N-05", about, "shut", f"{words}, so it is not merged but waived", place, hint)
    if own.classified or own.type == "intranet":
        review = _review(world, about, ("secrecy_test",), today.isoformat())
        state, words = ("open", f"review/{review}") if review else ("shut", "no secrecy test has been passed")
        write = "" if review else _yaml_review(f"{name}-secrecy", "secrecy_test", about)
        yield Gate("N-08", about, state, words, "", write)


def _boundary(world: World, name: str, today: date) -> Gate:
    """N-02, N-10: the boundary is drawn; that it was cleaned up is told."""
    table = world.catalogue.all(Boundary)
    own = {n: b for n, b in sorted(table.items()) if b.private_network == name}
    drawn = [n for n, b in own.items() if b.drawn_on and b.drawn_on <= today.isoformat()]
    if drawn:
        dates = ", ".join(f"boundary/{n} on {own[n].drawn_on}" for n in drawn)
        about, place = f"boundary/{drawn[0]}", _place(world, "boundary", drawn[0])
        return Gate("N-10", about, "open", f"drawn: {dates}", place)
    first = next(iter(own), name)
    write = f"boundaries:\n  {first}:\n    private_network: {name}\n    zone: ZONE\n    nodes: [NODE]\n"
    write += '    flows: [FLOW]\n    drawn_on: "YYYY-MM-DD"'
    words = "its boundary has no `drawn_on` of today or before" if own else "no boundary is drawn around it"
    return Gate("N-10", f"boundary/{first}", "shut", words, _place(world, "boundary", first), write)


ACCESS = ("access",)


def _access(world: World, name: str, own: PrivateNetwork, today: date) -> Gate:
    """N-09, OP-39: a security review of the access: of the network, or of the exchange it goes through."""
    about = f"private_network/{name}"
    now = today.isoformat()
    found = _review(world, about, ACCESS, now)
    if found:
        review = world.catalogue.get(Review, found)
        return Gate("N-09", about, "open", f"review/{found} of {review.date}, {review.document}")
    exchange = world.catalogue.find("exchange", own.exchange) if own.exchange else None
    if isinstance(exchange, Exchange) and (held := _review(world, f"exchange/{own.exchange}", ACCESS, now)):
        date = world.catalogue.get(Review, held).date
        return Gate("N-09", about, "open", f"review/{held} of exchange/{own.exchange}, of {date}")
    words = "its access has passed no security review that holds today"
    return Gate("N-09", about, "shut", words, "", _yaml_review(f"{name}-access", "access", about))


def _exchanges(world: World, name: str, own: PrivateNetwork) -> Iterator[Gate]:
    """N-19: between intranet and extranet only by an exchange; N-20: a ministry's network to the extranet."""
    for flow, one in world.borders.crossing(name).items():
        endpoint = world.catalogue.get(Endpoint, one.endpoint)
        roles = {_role(world, name, host) for host in (one.start, f"instance/{endpoint.instance}")}
        if {"intranet", "extranet"} <= roles and not one.exchange:
            words = "goes between intranet and extranet and names no `exchange`"
            yield Gate("N-19", f"flow/{flow}", "shut", words, _place(world, "flow", flow))
    if own.type == "vertical" and not own.exchange and world.role_of(own.merges_into) == "extranet":
        words = (
            "a ministry's network meets the extranet without an `exchange` (only explored: told, not refused)"
        )
        yield Gate("N-20", f"private_network/{name}", "noted", words)


def _role(world: World, name: str, host: str) -> str:
    """The role of the zone that a host is in once the merge is done."""
    own = world.find(name)
    return world.role_of(own.merges_into if world.borders.home(host) == name else world.zone_of(host))


def require_open(found: list[Gate], *, only: tuple[str, ...] = ()) -> None:
    """Raises ``DeniedError`` with every gate that is shut and what to write; ``only``: of these rules."""
    shut = [g for g in found if g.state == "shut" and (not only or g.rule in only)]
    if not shut:
        return
    lines = []
    for gate in shut:
        where = f"{gate.place}: " if gate.place else ""
        lines.append(f"{gate.rule} {where}{gate.about}: {gate.words}")
    wanted = [gate.write for gate in shut if gate.write]
    hint = "write, and apply:\n" + "\n".join(wanted) if wanted else "decide it, write it down, and apply"
    raise DeniedError("\n".join(lines), hint=hint)


def _review(world: World, about: str, types: tuple[str, ...], today: str) -> str:
    """The newest review that found something in order, in a document, and holds today; "" where none does.

    One that was not passed ends what older ones found, and of two on one day the stricter counts.
    """
    held = {
        name: review
        for name, review in world.catalogue.all(Review).items()
        if review.type in types and review.subject == about and review.date <= today
    }
    failed = max((review.date for review in held.values() if not review.passed), default="")
    found = [
        (review.date, name)
        for name, review in held.items()
        if review.passed
        and review.document
        and review.date > failed
        and (not review.valid_until or review.valid_until >= today)
    ]
    return max(found)[1] if found else ""


def _waived(world: World, rule: str, about: str) -> str:
    found = world.catalogue.all(Waiver).items()
    return next((n for n, w in sorted(found) if w.rule == rule and about in w.subjects), "")


def _yaml_review(name: str, kind: str, about: str) -> str:
    lines = ["reviews:", f"  {name}:", f"    type: {kind}", f"    subject: {about}"]
    return "\n".join([*lines, '    date: "YYYY-MM-DD"', "    passed: true", "    document: DOCUMENT"])


def _place(world: World, kind: str, name: str) -> str:
    path, line = world.place(kind, name)
    return f"{path}:{line}" if path else ""
