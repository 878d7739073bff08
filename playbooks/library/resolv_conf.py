#!/usr/bin/python
"""Write the resolver's configuration, in place."""

# WANT_JSON: Ansible hands the arguments over in a file, and nothing but the standard library is loaded. The
# ordinary way unpacks and compiles its helper library at each execution, four times the cost of all this.

from __future__ import annotations

import base64
import hashlib
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
  keep:
    description: >-
      Where former files are kept until the ledger has them, C({folder, run, known, most}); without a run none
      are.
    type: dict
    default: {}
"""

RETURN = r"""
kept:
  description: Former files that the ledger does not have yet.
  returned: always
  type: list
"""

REQUIRED = object()
ARGUMENTS = {"servers": REQUIRED, "search": [], "path": "/etc/resolv.conf", "private": False, "keep": {}}


class Failure(Exception):
    """What Ansible is to report as the reason, with facts about it."""

    def __init__(self, message, **facts):
        super().__init__(message)
        self.facts = facts


# -- files as they were before a run changed them: the same in every module that writes files ---------------


class Keeper:
    """Former files, beside everything else of the plays until the ledger has them.

    ``keep``: C(folder), C(run), C(known) ({run: [path]} that the ledger has), C(most) (bytes of a file).
    """

    def __init__(self, keep):
        self.folder, self.run = keep.get("folder"), keep.get("run")
        self.known, self.most = keep.get("known") or {}, keep.get("most", 0)

    def before(self, path, secret=None):
        """Keep a file that is about to change, once a run; of what is secret, the name alone.

        Where nobody says whether it is (None), what only its owner may read is.
        """
        if not (self.folder and self.run):
            return
        place = os.path.join(self.folder, self.run, hashlib.sha256(path.encode()).hexdigest()[:32])
        if os.path.exists(place):
            return
        entry = {"run": self.run, "path": path, "there": True}
        try:
            about = os.stat(path)
        except FileNotFoundError:
            entry["there"] = False
        else:
            entry.update(
                mode=about.st_mode & 0o7777, owner=about.st_uid, group=about.st_gid, size=about.st_size
            )
            if secret or (secret is None and not about.st_mode & 0o044):
                entry["left_out"] = "holds a secret"
            elif about.st_size > self.most:
                entry["left_out"] = "larger than %d bytes" % self.most
            else:
                with open(path, "rb") as file:
                    entry["content"] = base64.b64encode(file.read()).decode()
        os.makedirs(os.path.dirname(place), mode=0o700, exist_ok=True)
        with open(os.open(place + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as new:
            json.dump(entry, new)
        os.replace(place + ".new", place)

    def told(self):
        """What the ledger has not said that it has; what it has from earlier runs is forgotten here."""
        out = []
        for run in sorted(os.listdir(self.folder)) if self.folder and os.path.isdir(self.folder) else []:
            folder = os.path.join(self.folder, run)
            for name in sorted(os.listdir(folder)):
                if name.endswith(".new"):
                    continue
                with open(os.path.join(folder, name)) as file:
                    entry = json.load(file)
                if entry["path"] not in self.known.get(run, ()):
                    out.append(entry)
                elif run != self.run:
                    os.unlink(os.path.join(folder, name))
            if run != self.run and not os.listdir(folder):
                os.rmdir(folder)
        return out


def exactly(path, content, mode, owner=None, group=None):
    """Write a file whole with these bytes; one that something is bound over is written in place."""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    if is_mount(path):
        with open(path, "wb") as file:
            file.write(content)
        os.chmod(path, mode)
        if owner is not None:
            os.chown(path, owner, group)
        return
    temporary = path + ".new"
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as new:
        new.write(content)
    if owner is not None:
        os.chown(temporary, owner, group)
    os.chmod(temporary, mode)
    os.replace(temporary, path)


def is_mount(path):
    """Whether something is mounted on this very file."""
    real = os.path.realpath(path)
    with open("/proc/self/mountinfo") as file:
        return any(line.split()[4] in (path, real) for line in file)


# -- of this module alone -------------------------------------------------------------------------------


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
        with open(path, "rb") as file:
            before = file.read()
    except FileNotFoundError:
        before = None
    result = {"changed": before != wanted.encode()}
    if diff:
        text = (before or b"").decode(errors="replace")
        result["diff"] = {"before_header": path, "before": text, "after_header": path, "after": wanted}
    keeper = Keeper(arguments["keep"])
    if result["changed"] and not check:
        keeper.before(path, secret=False)
        with open(path, "wb") as file:
            file.write(wanted.encode())
    if not check:
        result["kept"] = keeper.told()
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
