"""Names over IPv6: AAAA records, and whole delegations."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rdtypes.ANY.NS
import dns.rdtypes.ANY.SOA
import dns.rdtypes.IN.AAAA

from ..measure import Failed, Figure, exchange
from .tries import Args, said, share


def question(server: str, name: str, kind: str) -> dns.message.Message:
    """One question to one server, by the version of IP of its address. Raises ``Failed``."""
    query = dns.message.make_query(name, kind)
    try:
        return exchange(query, server, 6 if ":" in server else 4)
    except (OSError, dns.exception.DNSException) as error:
        raise Failed(f"{server} {said(error)}") from None


def records(answer: dns.message.Message, kind: str) -> list[str]:
    """The values of one type in an answer, names without the last dot."""
    wanted = dns.rdatatype.from_text(kind)
    return sorted(
        {rdata.to_text().rstrip(".") for rrset in answer.answer if rrset.rdtype == wanted for rdata in rrset}
    )


def addresses(servers: Sequence[Mapping[str, str]], fqdn: str) -> tuple[list[str], str]:
    """The AAAA records of a name and the server that gave them, over IPv6 where one answers.

    Raises ``Failed``.
    """
    faults = []
    for at in [s["v6"] for s in servers if s["v6"]] + [s["v4"] for s in servers if s["v4"]]:
        try:
            answer = question(at, fqdn, "AAAA")
        except Failed as error:
            faults.append(str(error))
            continue
        if found := records(answer, "AAAA"):
            return found, at
        faults.append(f"{at}: {dns.rcode.to_text(answer.rcode())}, no AAAA of {fqdn}")
    raise Failed("; ".join(faults) or "no name server has an address")


def aaaa(args: Args, _tries: int) -> Figure:
    """Whether every name server gives a name the AAAA records that it should have, and no other."""
    if not args["expect"]:
        raise Failed(f"{args['fqdn']} should have none: its machine has no IPv6 address")
    begun = time.monotonic()
    faults: list[str] = []
    given: dict[str, list[str]] = {}
    for server in args["servers"]:
        reached = [at for at in (server["v6"], server["v4"]) if at]
        answer, silent = None, []
        for at in reached:
            try:
                answer = question(at, args["fqdn"], "AAAA")
                break
            except Failed as error:
                silent.append(str(error))
        if answer is None:
            faults.append(f"{server['name']}: {'; '.join(silent) or 'has no address'}")
            continue
        found = given[server["name"]] = records(answer, "AAAA")
        if found != sorted(args["expect"]):
            gives = ", ".join(found) or "no AAAA record"
            faults.append(f"{server['name']} gives {gives}, not {', '.join(args['expect'])}")
    if not args["servers"]:
        faults.append("no name server is built")
    figure = Figure((time.monotonic() - begun) * 1000, "ms", more={"given": given})
    figure.problem = "; ".join(faults)
    return figure


def delegation(args: Args, _tries: int) -> Figure:
    """Whether a zone can be had over IPv6 alone: from the parent to every one of its servers.

    The parent names the servers; each has an AAAA record, the one that it should have; each answers at that
    address with authority (RFC 1912, 2.8: no lame delegation).
    """
    domain, servers = args["domain"], args["servers"]
    if not servers:
        raise Failed(f"no server of {domain} is built")
    faults: dict[str, list[str]] = {server["name"]: [] for server in servers}
    above = [at["v6"] for at in args["parents"] if at["v6"]]
    if args["parents"] and not above:
        raise Failed(f"no server of {args['parent']}, above {domain}, has an IPv6 address")
    # Without a parent in the ledger the zone's own servers say who they are.
    own_addresses = [server["v6"] for server in servers if server["v6"]]
    first = above or own_addresses
    asked = list(dict.fromkeys([*own_addresses, *above]))
    named, silent = _named(first, domain)
    for server in servers:
        own = faults[server["name"]]
        if not server["v6"]:
            own.append("has no IPv6 address")
            continue
        if named is not None and server["fqdn"] not in named:
            own.append(f"is not among the NS records, {', '.join(named) or 'there are none'}")
        try:
            found, _at = addresses([{"v6": at, "v4": ""} for at in asked], server["fqdn"])
            if server["v6"] not in found:
                own.append(f"its AAAA record is {', '.join(found)}, not {server['v6']}")
        except Failed as error:
            own.append(f"has no AAAA record ({error})")
        try:
            own += _lame(server["v6"], domain)
        except Failed as error:
            own.append(f"over IPv6: {error}")
    strangers = sorted(set(named or ()) - {server["fqdn"] for server in servers})
    good = sum(1 for found in faults.values() if not found)
    figure = Figure(good / len(servers) * 100, "%", more={"servers": len(servers), "good": good, "ns": named})
    words = [f"{name}: {', '.join(found)}" for name, found in faults.items() if found]
    words += [f"the delegation names {name}, which serves no such zone" for name in strangers]
    figure.problem = "; ".join([*words, *([silent] if named is None else [])])
    return figure


def _named(servers: Sequence[str], domain: str) -> tuple[list[str] | None, str]:
    """The NS records of a zone by the first of these servers that answers; None: why by none."""
    faults = []
    for at in servers:
        try:
            answer = question(at, domain, "NS")
        except Failed as error:
            faults.append(str(error))
            continue
        # A parent's referral has them in the authority section.
        kind = dns.rdatatype.NS
        both = [rrset for part in (answer.answer, answer.authority) for rrset in part]
        return sorted({r.to_text().rstrip(".") for s in both if s.rdtype == kind for r in s}), ""
    return None, "nobody tells the zone's servers: " + ("; ".join(faults) or "no server has an IPv6 address")


def _lame(at: str, domain: str) -> list[str]:
    answer = question(at, domain, "SOA")
    if answer.rcode() != dns.rcode.NOERROR:
        return [f"over IPv6: {dns.rcode.to_text(answer.rcode())} for {domain}"]
    return [] if answer.flags & dns.flags.AA else [f"answers for {domain} without authority"]


def answer(args: Args, tries: int) -> Figure:
    """Questions for a zone to one server over IPv6."""

    def once() -> float:
        begun = time.monotonic()
        given = question(args["address"], args["domain"], "SOA")
        if given.rcode() != dns.rcode.NOERROR:
            raise Failed(f"{dns.rcode.to_text(given.rcode())} for {args['domain']}")
        return (time.monotonic() - begun) * 1000

    return share(tries, once)
