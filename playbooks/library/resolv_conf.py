#!/usr/bin/python
"""Write the resolver's configuration, in place."""

# WANT_JSON: Ansible hands the arguments over in a file, and nothing but the standard library is loaded. The
# ordinary way unpacks and compiles its helper library at each execution, four times the cost of all this.

from __future__ import annotations

import json
import os
import sys

DOCUMENTATION = r"""
module: resolv_conf
short_description: Name servers and search domains of a host
description:
  - Writes the file in place, because in a namespace it is bound over the machine's and cannot be replaced.
options:
  servers:
    description: Addresses, in the order in which they are asked. The C library reads the first three.
    type: list
    elements: str
    required: true
  search:
    description: Domains that are tried for short names.
    type: list
    elements: str
    default: []
  path:
    type: path
    default: /etc/resolv.conf
  private:
    description: Refuse to write unless the file is bound over the machine's own.
    type: bool
    default: false
"""

REQUIRED = object()
ARGUMENTS = {"servers": REQUIRED, "search": [], "path": "/etc/resolv.conf", "private": False}


class Failure(Exception):
    """What Ansible is to report as the reason, with facts about it."""

    def __init__(self, message, **facts):
        super().__init__(message)
        self.facts = facts


def is_mount(path):
    """Whether something is mounted on this very file."""
    real = os.path.realpath(path)
    with open("/proc/self/mountinfo") as file:
        return any(line.split()[4] in (path, real) for line in file)


def run(arguments, check, diff):
    """Write the file where it differs; Ansible's result."""
    path = arguments["path"]
    if arguments["private"] and not is_mount(path):
        raise Failure("%s is the machine's own here, not the host's: nothing is bound over it" % path)
    wanted = "".join("nameserver %s\n" % server for server in arguments["servers"])
    if arguments["search"]:
        wanted = "search %s\n" % " ".join(arguments["search"]) + wanted
    # A server that is down should cost a second, not five.
    wanted += "options timeout:1 attempts:2\n"
    try:
        with open(path) as file:
            before = file.read()
    except FileNotFoundError:
        before = ""
    result = {"changed": before != wanted}
    if diff:
        result["diff"] = {"before_header": path, "before": before, "after_header": path, "after": wanted}
    if result["changed"] and not check:
        with open(path, "w") as file:
            file.write(wanted)
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
