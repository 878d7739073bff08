#!/usr/bin/python
"""Write the resolver's configuration, in place."""

from __future__ import annotations

import os

from ansible.module_utils.basic import AnsibleModule

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


def is_mount(path):
    """Whether something is mounted on this very file."""
    real = os.path.realpath(path)
    with open("/proc/self/mountinfo") as file:
        return any(line.split()[4] in (path, real) for line in file)


def main():
    module = AnsibleModule(
        argument_spec={
            "servers": {"type": "list", "elements": "str", "required": True},
            "search": {"type": "list", "elements": "str", "default": []},
            "path": {"type": "path", "default": "/etc/resolv.conf"},
            "private": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    path = module.params["path"]
    if module.params["private"] and not is_mount(path):
        module.fail_json(msg="%s is the machine's own here, not the host's: nothing is bound over it" % path)
    wanted = "".join("nameserver %s\n" % server for server in module.params["servers"])
    if module.params["search"]:
        wanted = "search %s\n" % " ".join(module.params["search"]) + wanted
    # A server that is down should cost a second, not five.
    wanted += "options timeout:1 attempts:2\n"
    try:
        with open(path) as file:
            before = file.read()
    except FileNotFoundError:
        before = ""
    changed = before != wanted
    if changed and not module.check_mode:
        with open(path, "w") as file:
            file.write(wanted)
    result = {"changed": changed}
    if module._diff:
        result["diff"] = {"before_header": path, "before": before, "after_header": path, "after": wanted}
    module.exit_json(**result)


if __name__ == "__main__":
    main()
