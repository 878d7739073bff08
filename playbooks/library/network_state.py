#!/usr/bin/python
"""Make a host's addresses, static routes and kernel settings what is declared, in one execution."""

from __future__ import annotations

import ipaddress
import json

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: network_state
short_description: Addresses, static routes and kernel settings as declared
description:
  - On the interfaces it is given, every global address is declared or removed; other interfaces are left alone.
  - In the main table, every route that a person or this module set is declared or removed. Routes of the
    kernel and of routing daemons are left alone.
  - Needs iproute2 (C(ip -json)).
options:
  interfaces:
    description: List of C({name, addresses}); addresses carry their length.
    type: list
    elements: dict
    required: true
  routes:
    description: List of C({prefix, via}).
    type: list
    elements: dict
    default: []
  sysctls:
    description: Kernel settings by name, with dots.
    type: dict
    default: {}
  duplicate_detection:
    description:
      - Whether a new IPv6 address is first checked for duplicates; it cannot be used for a second or two meanwhile.
    type: bool
    default: true
"""

RETURN = r"""
differences:
  description: What was not as declared, C({what, where, value, state}); state is missing, extra or changed.
  returned: always
  type: list
"""

# Routes of ours carry this protocol (0 to 255, not in /etc/iproute2/rt_protos). Those that people
# set by hand are `boot` or `static`.
OUR_PROTOCOL = "171"
BY_HAND = (OUR_PROTOCOL, "boot", "static")

# Removing an address may take others with it (IPv4 secondaries, routes through it), so what is left
# is read again after each round.
ROUNDS = 3


def run_json(module, arguments):
    """Output of `ip -json …` as a list."""
    _rc, out, _err = module.run_command(["ip", "-json", *arguments], check_rc=True)
    return json.loads(out) if out.strip() else []


def declared(params):
    """(addresses, routes, settings) as declared, in canonical form."""
    addresses = {
        (interface["name"], str(ipaddress.ip_interface(address)))
        for interface in params["interfaces"]
        for address in interface["addresses"]
    }
    routes = {
        (str(ipaddress.ip_network(route["prefix"])), str(ipaddress.ip_address(route["via"])))
        for route in params["routes"]
    }
    settings = {(name, str(value)) for name, value in params["sysctls"].items()}
    return addresses, routes, settings


def present(module, names):
    """(addresses, routes, settings, interfaces that are down) as they are."""
    addresses, down, found = set(), [], set()
    for link in run_json(module, ["address", "show"]):
        if link["ifname"] not in names:
            continue
        found.add(link["ifname"])
        if "UP" not in link["flags"]:
            down.append(link["ifname"])
        for info in link["addr_info"]:
            if info.get("scope") == "global":
                addresses.add((link["ifname"], "{local}/{prefixlen}".format(**info)))
    missing = sorted(names - found)
    if missing:
        module.fail_json(msg="no such interface on this host: " + ", ".join(missing))
    routes = set()
    for family, anywhere in (("-4", "0.0.0.0/0"), ("-6", "::/0")):
        for route in run_json(module, [family, "route", "show", "table", "main"]):
            if str(route.get("protocol", "boot")) not in BY_HAND:
                continue
            prefix = anywhere if route["dst"] == "default" else str(ipaddress.ip_network(route["dst"]))
            routes.add((prefix, route.get("gateway", "dev " + route.get("dev", "?"))))
    settings = {(name, read_setting(name)) for name in module.params["sysctls"]}
    return addresses, routes, settings, down


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


def compare(module, wanted):
    """(differences, ip commands, settings to write)."""
    names = {interface["name"] for interface in module.params["interfaces"]}
    addresses, routes, settings, down = present(module, names)
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
        at_once = ":" in address and not module.params["duplicate_detection"]
        commands.append("address add %s dev %s%s" % (address, name, " nodad" if at_once else ""))
    for prefix, via in sorted(routes - wanted[1]):
        differ("route", prefix, via, "extra")
        commands.append("route del %s %s" % (prefix, via if via.startswith("dev ") else "via " + via))
    for prefix, via in sorted(wanted[1] - routes):
        differ("route", prefix, via, "missing")
        commands.append("route replace %s via %s proto %s" % (prefix, via, OUR_PROTOCOL))
    to_write = sorted(wanted[2] - settings)
    for name, value in to_write:
        differ("setting", name, value, "changed")
    return differences, commands, to_write


def apply(module, commands, to_write):
    """Carry out what ``compare`` found."""
    for name, value in to_write:
        try:
            with open(setting_path(name), "w") as file:
                file.write(value)
        except OSError as error:
            module.fail_json(msg="cannot set %s = %s: %s" % (name, value, error))
    if commands:
        # -force: a command may have become idle by an earlier one; what is left is read again.
        _rc, _out, err = module.run_command(["ip", "-force", "-batch", "-"], data="\n".join(commands) + "\n")
        return err.strip()
    return ""


def lines(triples):
    """Differences as text for --diff."""
    return "".join("%(what)s %(where)s %(value)s\n" % d for d in triples)


def main():
    module = AnsibleModule(
        argument_spec={
            "interfaces": {"type": "list", "elements": "dict", "required": True},
            "routes": {"type": "list", "elements": "dict", "default": []},
            "sysctls": {"type": "dict", "default": {}},
            "duplicate_detection": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    wanted = declared(module.params)
    differences, commands, to_write = compare(module, wanted)
    result = {"changed": bool(differences), "differences": differences}
    if module._diff:
        result["diff"] = {
            "before": lines(d for d in differences if d["state"] == "extra"),
            "after": lines(d for d in differences if d["state"] != "extra"),
        }
    if module.check_mode:
        module.exit_json(**result)
    left, error = differences, ""
    for _round in range(ROUNDS):
        if not left:
            break
        error = apply(module, commands, to_write)
        left, commands, to_write = compare(module, wanted)
    if left:
        module.fail_json(msg="not as declared after %d rounds: %s" % (ROUNDS, error), left=left, **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
