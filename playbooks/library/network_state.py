#!/usr/bin/python
"""Make a host's addresses, static routes and kernel settings what is declared, in one execution."""

# WANT_JSON: Ansible hands the arguments over in a file, and nothing but the standard library is loaded. The
# ordinary way unpacks and compiles its helper library at each execution, four times the cost of all this.

from __future__ import annotations

import ipaddress
import itertools
import json
import os
import platform
import subprocess
import sys

DOCUMENTATION = r"""
module: network_state
short_description: Addresses, static routes and kernel settings as declared
description:
  - On the interfaces it is given, every global address is declared or removed; others are left alone.
  - In the main table, every route that a person or this module set is declared or removed. Routes of the
    kernel and of routing daemons are left alone.
  - Needs iproute2 (C(ip -json)).
options:
  interfaces:
    description: >-
      List of C({name, addresses, accept, answering}); addresses carry their length. From the prefixes of
      C(accept) the host may make itself addresses. Those of the addresses that are C(answering) are added so
      that it never chooses them for what it sends first (a preferred lifetime of 0).
    type: list
    elements: dict
    required: true
  routes:
    description: List of C({prefix, via}); C(via) is an address, or V(blackhole).
    type: list
    elements: dict
    default: []
  tables:
    description:
      - Routing tables of their own, C({table, interfaces, routes}). What comes in by one of the interfaces is
        looked up there first. A route is C({prefix, via}) or C({prefix, type}), type C(throw) (on to the main
        table) or C(unreachable).
      - Rules and routes of other tables that this module set are declared or removed; others are left alone.
    type: list
    elements: dict
    default: []
  sysctls:
    description: Kernel settings by name, with dots.
    type: dict
    default: {}
  root:
    description: The folder of the services; those that are there are told with the facts.
    type: path
    default: ""
  duplicate_detection:
    description:
      - Whether a new IPv6 address is first checked for duplicates, which keeps it from use for a second.
    type: bool
    default: true
"""

RETURN = r"""
differences:
  description: What was not as declared, C({what, where, value, state}); state is missing, extra or changed.
  returned: always
  type: list
ansible_facts:
  description: >-
    Under C(ansible_local.govcloud), what the host is: kernel, distribution, distribution_version,
    architecture, cpus, memory_mib, python, and the addresses of its interfaces.
  returned: always
  type: dict
"""

REQUIRED = object()
ARGUMENTS = {
    "interfaces": REQUIRED,
    "routes": [],
    "tables": [],
    "sysctls": {},
    "root": "",
    "duplicate_detection": True,
}

# Routes of ours carry this protocol (0 to 255, not in /etc/iproute2/rt_protos). Those that people
# set by hand are `boot` or `static`.
OUR_PROTOCOL = "171"
BY_HAND = (OUR_PROTOCOL, "boot", "static")

# In place of a next hop: what comes for the prefix ends here, and routing daemons may tell of it.
HELD = "blackhole"

# Removing an address may take others with it (IPv4 secondaries, routes through it), so what is left
# is read again after each round.
ROUNDS = 3

# Between the kernel's rules for its own addresses (0) and for the main table (32766).
RULE_PRIORITY = 1000
FAMILIES = (("-4", "0.0.0.0/0"), ("-6", "::/0"))
SIX = "-6 "


class Failure(Exception):
    """What Ansible is to report as the reason, with facts about it."""

    def __init__(self, message, **facts):
        super().__init__(message)
        self.facts = facts


def ip(arguments, commands=""):
    """Run iproute2; (exit code, standard output, standard error)."""
    # The machines' PATH need not hold the places of system programs.
    env = dict(os.environ, PATH=os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin")
    try:
        done = subprocess.run(
            ["ip", *arguments], input=commands, capture_output=True, text=True, env=env, check=False
        )
    except FileNotFoundError:
        raise Failure("no `ip` on this host: the package iproute2 brings it") from None
    return done.returncode, done.stdout, done.stderr.strip()


def ip_json(arguments):
    """What `ip -json …` lists."""
    code, out, error = ip(["-json", *arguments])
    if code:
        raise Failure("ip %s: %s" % (" ".join(arguments), error))
    return json.loads(out) if out.strip() else []


def declared(arguments):
    """(addresses, routes, settings, rules and routes of tables) as declared, in canonical form."""
    addresses = {
        (interface["name"], str(ipaddress.ip_interface(address)))
        for interface in arguments["interfaces"]
        for address in interface["addresses"]
    }
    routes = {
        (str(ipaddress.ip_network(route["prefix"])), next_hop(route["via"])) for route in arguments["routes"]
    }
    settings = {(name, str(value)) for name, value in arguments["sysctls"].items()}
    return addresses, routes, settings, declared_tables(arguments["tables"])


def next_hop(via):
    """Where a route leads, in canonical form."""
    return via if via == HELD else str(ipaddress.ip_address(via))


def declared_tables(tables):
    """(rules, routes of tables) as declared: (family, interface, table), (table, prefix, how)."""
    rules, routes = set(), set()
    for one in tables:
        number = str(int(one["table"]))
        for family, _anywhere in FAMILIES:
            rules |= {(family, interface, number) for interface in one["interfaces"]}
        for route in one["routes"]:
            how = route["type"] if "type" in route else "via %s" % ipaddress.ip_address(route["via"])
            routes.add((number, str(ipaddress.ip_network(route["prefix"])), how))
    return rules, routes


def present_tables():
    """(rules, routes of tables) of ours as they are."""
    rules, routes = set(), set()
    for family, anywhere in FAMILIES:
        for rule in ip_json([family, "rule", "show"]):
            if str(rule.get("protocol", "")) == OUR_PROTOCOL and "iif" in rule:
                rules.add((family, rule["iif"], str(rule["table"])))
        for route in ip_json([family, "route", "show", "table", "all", "proto", OUR_PROTOCOL]):
            if route.get("table", "main") == "main":
                continue
            prefix = anywhere if route["dst"] == "default" else str(ipaddress.ip_network(route["dst"]))
            how = "via %s" % route["gateway"] if "gateway" in route else route.get("type", "unicast")
            routes.add((str(route["table"]), prefix, how))
    return rules, routes


def compare_tables(wanted, differ):
    """The commands that bring rules and routes of tables to what is declared.

    No rule stands while its table is not filled, so nothing falls through to the main table meanwhile.
    """
    rules, routes = present_tables()
    adding, removing = [], []
    for number, prefix, how in sorted(wanted[1] - routes):
        differ("route of table %s" % number, prefix, how, "missing")
        kind = "" if how.startswith("via ") else how + " "
        via = " " + how if how.startswith("via ") else ""
        adding.append("route replace %s%s%s table %s proto %s" % (kind, prefix, via, number, OUR_PROTOCOL))
    for family, interface, number in sorted(wanted[0] - rules):
        differ("rule", interface, "%s table %s" % (family, number), "missing")
        adding.append(rule_command("add", family, interface, number))
    for family, interface, number in sorted(rules - wanted[0]):
        differ("rule", interface, "%s table %s" % (family, number), "extra")
        removing.append(rule_command("del", family, interface, number))
    kept = {(number, prefix) for number, prefix, _how in wanted[1]}
    for number, prefix, how in sorted(routes - wanted[1]):
        differ("route of table %s" % number, prefix, how, "extra")
        # One that is replaced above is gone by then.
        if (number, prefix) not in kept:
            removing.append("route del %s table %s proto %s" % (prefix, number, OUR_PROTOCOL))
    return adding + removing


def rule_command(verb, family, interface, number):
    """A rule of ours as a line of a batch, one of IPv6 with its family before it."""
    words = (SIX if family == "-6" else "", verb, interface, number, RULE_PRIORITY, OUR_PROTOCOL)
    return "%srule %s iif %s lookup %s priority %d protocol %s" % words


def present(arguments, names, seen):
    """(addresses, routes, settings, interfaces that are down) as they are; ``seen``: all addresses."""
    addresses, down, found = set(), [], set()
    accepted = {
        interface["name"]: [ipaddress.ip_network(prefix) for prefix in interface.get("accept", ())]
        for interface in arguments["interfaces"]
    }
    for link in ip_json(["address", "show"]):
        known = (info for info in link["addr_info"] if info.get("scope") == "global")
        seen[link["ifname"]] = sorted("{local}/{prefixlen}".format(**info) for info in known)
        if link["ifname"] not in names:
            continue
        found.add(link["ifname"])
        if "UP" not in link["flags"]:
            down.append(link["ifname"])
        for info in link["addr_info"]:
            if info.get("scope") == "global" and not made_itself(info, accepted[link["ifname"]]):
                addresses.add((link["ifname"], "{local}/{prefixlen}".format(**info)))
    missing = sorted(names - found)
    if missing:
        raise Failure("no such interface on this host: " + ", ".join(missing))
    routes = set()
    for family, anywhere in (("-4", "0.0.0.0/0"), ("-6", "::/0")):
        for route in ip_json([family, "route", "show", "table", "main"]):
            if str(route.get("protocol", "boot")) not in BY_HAND:
                continue
            prefix = anywhere if route["dst"] == "default" else str(ipaddress.ip_network(route["dst"]))
            by = HELD if route.get("type") == HELD else "dev " + route.get("dev", "?")
            routes.add((prefix, route.get("gateway", by)))
    settings = {(name, read_setting(name)) for name in arguments["sysctls"]}
    return addresses, routes, settings, down


def made_itself(info, prefixes):
    """Whether an address is one that the kernel made from a prefix that is advertised here (SLAAC)."""
    return info.get("dynamic", False) and any(ipaddress.ip_address(info["local"]) in p for p in prefixes)


def setting_path(name):
    """The file of a kernel setting."""
    return "/proc/sys/" + name.replace(".", "/")


def read_setting(name):
    """A kernel setting's value, or "absent"."""
    try:
        with open(setting_path(name)) as file:
            return file.read().strip()
    except FileNotFoundError:
        return "absent"


def compare(arguments, wanted, seen):
    """(differences, ip commands, settings to write); ``seen``: the addresses by interface that it finds."""
    names = {interface["name"] for interface in arguments["interfaces"]}
    addresses, routes, settings, down = present(arguments, names, seen)
    answering = {(i["name"], address) for i in arguments["interfaces"] for address in i.get("answering", ())}
    differences, commands = [], []

    def differ(what, where, value, state):
        differences.append({"what": what, "where": where, "value": value, "state": state})

    for name in down:
        differ("interface", name, "up", "changed")
        commands.append("link set dev %s up" % name)
    for name, address in sorted(addresses - wanted[0]):
        differ("address", name, address, "extra")
        commands.append("address del %s dev %s" % (address, name))
    for name, address in sorted(wanted[0] - addresses):
        differ("address", name, address, "missing")
        at_once = ":" in address and not arguments["duplicate_detection"]
        flags = (" nodad" if at_once else "") + (" preferred_lft 0" if (name, address) in answering else "")
        commands.append("address add %s dev %s%s" % (address, name, flags))
    for prefix, via in sorted(routes - wanted[1]):
        differ("route", prefix, via, "extra")
        commands.append("route del %s" % way(prefix, via))
    for prefix, via in sorted(wanted[1] - routes):
        differ("route", prefix, via, "missing")
        commands.append("route replace %s proto %s" % (way(prefix, via), OUR_PROTOCOL))
    commands += compare_tables(wanted[3], differ)
    to_write = sorted(wanted[2] - settings)
    for name, value in to_write:
        differ("setting", name, value, "changed")
    return differences, commands, to_write


def way(prefix, via):
    """A route as a command says it."""
    if via == HELD:
        return "%s %s" % (HELD, prefix)
    return "%s %s" % (prefix, via if via.startswith("dev ") else "via " + via)


def apply(commands, to_write):
    """Carry out what ``compare`` found."""
    for name, value in to_write:
        try:
            with open(setting_path(name), "w") as file:
                file.write(value)
        except OSError as error:
            raise Failure("cannot set %s = %s: %s" % (name, value, error)) from None
    errors = []
    # In a batch no command can say its family, and rules do not show it.
    for six, some in itertools.groupby(commands, lambda command: command.startswith(SIX)):
        batch = "".join(command.removeprefix(SIX) + "\n" for command in some)
        # -force: a command may have become idle by an earlier one; what is left is read again.
        _code, _out, error = ip([*([SIX.strip()] if six else []), "-force", "-batch", "-"], batch)
        errors.append(error)
    return "; ".join(error for error in errors if error)


def facts(root):
    """What the host is, in few words; what cannot be read is left out."""
    about = {"kernel": platform.release(), "architecture": platform.machine(), "cpus": os.cpu_count()}
    about["python"] = platform.python_version()
    system = pairs("/etc/os-release", "=")
    about["distribution"] = system.get("NAME", "").strip('"')
    about["distribution_version"] = system.get("VERSION_ID", "").strip('"')
    about["filters"] = filters()
    about["services"] = services(root)
    memory = pairs("/proc/meminfo", ":").get("MemTotal", "").split()
    about["memory_mib"] = int(memory[0]) // 1024 if memory else None
    return {name: value for name, value in about.items() if value}


def services(root):
    """Names of the services that the plays put here."""
    try:
        return sorted(e.name for e in os.scandir(root) if e.is_dir() and not e.name.startswith("."))
    except OSError:
        return []


def filters():
    """Names of the tables of nftables that the plays put here; none where there is no nft."""
    env = dict(os.environ, PATH=os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin")
    try:
        done = subprocess.run(
            ["nft", "list", "tables", "inet"], capture_output=True, text=True, env=env, check=False
        )
    except FileNotFoundError:
        return []
    names = [line.rpartition(" ")[2] for line in done.stdout.splitlines()]
    return sorted(name for name in names if name.startswith("govcloud"))


def pairs(path, between):
    """A file of names and values; empty where it cannot be read."""
    try:
        with open(path, errors="replace") as file:
            found = (line.strip().partition(between) for line in file)
            return {name.strip(): value.strip() for name, sign, value in found if sign}
    except OSError:
        return {}


def lines(triples):
    """Differences as text for --diff."""
    return "".join("%(what)s %(where)s %(value)s\n" % d for d in triples)


def run(arguments, check, diff):
    """Compare, change what differs, and look again; Ansible's result."""
    wanted = declared(arguments)
    seen = {}
    differences, commands, to_write = compare(arguments, wanted, seen)
    about = {"ansible_local": {"govcloud": {**facts(arguments["root"]), "interfaces": seen}}}
    result = {"changed": bool(differences), "differences": differences, "ansible_facts": about}
    if diff:
        result["diff"] = {
            "before": lines(d for d in differences if d["state"] == "extra"),
            "after": lines(d for d in differences if d["state"] != "extra"),
        }
    if check:
        return result
    left, error = differences, ""
    for _round in range(ROUNDS):
        if not left:
            return result
        error = apply(commands, to_write)
        left, commands, to_write = compare(arguments, wanted, seen)
    if left:
        raise Failure("not as declared after %d rounds: %s" % (ROUNDS, error), left=left, **result)
    return result


def main():
    with open(sys.argv[1]) as file:
        given = json.load(file)
    check, diff = given.get("_ansible_check_mode", False), given.get("_ansible_diff", False)
    own = {name: value for name, value in given.items() if not name.startswith("_ansible_")}
    unknown = sorted(set(own) - set(ARGUMENTS))
    missing = sorted(name for name in set(ARGUMENTS) - set(own) if ARGUMENTS[name] is REQUIRED)
    try:
        if unknown or missing:
            raise Failure("unknown arguments: %s; missing: %s" % (unknown, missing))
        result = run({**ARGUMENTS, **own}, check, diff)
    except Failure as failure:
        result = {"failed": True, "msg": str(failure), **failure.facts}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
