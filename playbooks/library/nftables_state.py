#!/usr/bin/python
"""One table of nftables as declared, put in place of the one before in a single transaction."""

# WANT_JSON: Ansible hands the arguments over in a file, and nothing but the standard library is loaded. The
# ordinary way unpacks and compiles its helper library at each execution, four times the cost of all this.

from __future__ import annotations

import difflib
import json
import os
import subprocess
import sys

DOCUMENTATION = r"""
module: nftables_state
short_description: A table of nftables as declared
description:
  - Replaces one table (family C(inet)) by the declared one in one transaction, so that no packet meets half
    of it, or removes it. Other tables are left alone.
  - What nft lists after that is written down, so that a rule that somebody changed by hand is seen and put
    right. Counters do not count as a change.
  - Needs nft.
options:
  table:
    description: Name of the table.
    type: str
    required: true
  ruleset:
    description: The whole table as C(nft -f) reads it; empty where there is to be none.
    type: str
    default: ""
  root:
    description: The folder of everything that the plays put on a host; what was listed stands in C(root/nft).
    type: path
    required: true
"""

RETURN = r"""
differences:
  description: What was not as declared, C({what, where, value, state}); state is missing, extra or changed.
  returned: always
  type: list
"""

REQUIRED = object()
ARGUMENTS = {"table": REQUIRED, "ruleset": "", "root": REQUIRED}


class Failure(Exception):
    """What Ansible is to report as the reason, with facts about it."""

    def __init__(self, message, **facts):
        super().__init__(message)
        self.facts = facts


def nft(arguments, commands=""):
    """Run nft; (exit code, standard output, standard error)."""
    # The machines' PATH need not hold the places of system programs.
    env = dict(os.environ, LC_ALL="C", PATH=os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin")
    try:
        done = subprocess.run(
            ["nft", *arguments], input=commands, capture_output=True, text=True, env=env, check=False
        )
    except FileNotFoundError:
        raise Failure("no `nft` on this host: the package nftables brings it") from None
    return done.returncode, done.stdout, done.stderr.strip()


class Table:
    """One table: what is declared, what was put there, and what is there."""

    def __init__(self, arguments):
        self.name, self.wanted = arguments["table"], arguments["ruleset"]
        self.record_path = os.path.join(arguments["root"], "nft", self.name + ".json")

    def listed(self):
        """The table as nft lists it, without what counters have counted; None where there is none."""
        code, out, error = nft(["list", "tables", "inet"])
        if code:
            raise Failure("nft: %s" % error)
        if "table inet %s" % self.name not in out.splitlines():
            return None
        code, out, error = nft(["--stateless", "list", "table", "inet", self.name])
        if code:
            raise Failure("nft: %s" % error)
        return out

    def record(self):
        """(declared text, listing) of the last time that the table was put there."""
        try:
            with open(self.record_path) as file:
                known = json.load(file)
            return known["ruleset"], known["listed"]
        except (FileNotFoundError, ValueError, KeyError):
            return None, None

    def compare(self):
        """(differences, text before, text after)."""
        there, (put, known) = self.listed(), self.record()
        if not self.wanted:
            gone = [] if there is None else [self.differ("extra")]
            return gone, there or "", ""
        if there is None:
            return [self.differ("missing")], "", self.wanted
        if put == self.wanted and known == there:
            return [], there, there
        if put != self.wanted:
            # Compared as they are written, for nft lists a table in words of its own.
            return [self.differ("changed")], put if known == there else there, self.wanted
        return [self.differ("changed", "by hand")], there, known

    def differ(self, state, how=""):
        value = "table inet %s" % self.name + (", changed " + how if how else "")
        return {"what": "filter", "where": "nftables", "value": value, "state": state}

    def put(self):
        """Make the table what is declared, at once."""
        # Declared, so that it can be deleted; deleted, so that nothing of it stays.
        head = "table inet %s\ndelete table inet %s\n" % (self.name, self.name)
        code, _out, error = nft(["-f", "-"], head + self.wanted)
        if code:
            raise Failure("nft does not take the table %s: %s" % (self.name, error))
        if not self.wanted:
            if os.path.exists(self.record_path):
                os.unlink(self.record_path)
            return
        os.makedirs(os.path.dirname(self.record_path), mode=0o755, exist_ok=True)
        new = self.record_path + ".new"
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({"ruleset": self.wanted, "listed": self.listed()}, file)
        os.replace(new, self.record_path)


def run(arguments, check, diff):
    """Compare, and put the table there where it differs; Ansible's result."""
    table = Table(arguments)
    differences, before, after = table.compare()
    result = {"changed": bool(differences), "differences": differences}
    if diff and differences:
        # Only what differs: a table may have thousands of rules.
        lines = list(difflib.unified_diff(before.splitlines(1), after.splitlines(1), n=1))[2:]
        kept = [line for line in lines if not line.startswith("@@")]
        where = "table inet %s" % table.name
        result["diff"] = {
            "before_header": where,
            "before": "".join(line[1:] for line in kept if line[0] in " -"),
            "after_header": where,
            "after": "".join(line[1:] for line in kept if line[0] in " +"),
        }
    if differences and not check:
        table.put()
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
