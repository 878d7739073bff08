#!/usr/bin/python
"""A service without an init system: its files, its daemons, restarted when either changes."""

# WANT_JSON: Ansible hands the arguments over in a file, and nothing but the standard library is loaded. The
# ordinary way unpacks and compiles its helper library at each execution, four times the cost of all this.

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

DOCUMENTATION = r"""
module: lab_service
short_description: A service's files and daemons, for hosts without an init system
description:
  - Writes the service's files and (re)starts those daemons whose command or files have changed, or that
    do not run. Where only such files changed that a daemon reads again when it is told to, it goes on.
    A daemon is known by its process id and start time, so that a stranger's process with the same number
    is never taken for it.
options:
  name:
    description: Name of the service; its files stand in C(root/name).
    type: str
    required: true
  root:
    type: path
    required: true
  state:
    description: >-
      With V(absent), its daemons are stopped and its folder is removed. With V(restored), the files of
      C(restore) are put back as they say, and the daemons that read them start anew, or stop where a file
      that they read is not there any more.
    choices: [present, absent, restored]
    default: present
  files:
    description: >-
      List of C({name, content, mode, secret}); mode is octal text, 0644 when left out. What is secret is
      in no C(diff) and is not kept, and neither is a file that only its owner may read.
    type: list
    elements: dict
    default: []
  daemons:
    description: >-
      List of C({name, argv, files, reloads, ready}), started in this order. C(files) are the names of those
      files that it reads (all, when left out), C(reloads) those of them that it reads again on SIGHUP while
      it goes on; C(ready) is a path whose being there says that it is up.
    type: list
    elements: dict
    default: []
  ready_s:
    description: How long a daemon may take until it is up, seconds.
    type: float
    default: 5
  stop_s:
    description: How long a daemon may take to stop before it is killed, seconds.
    type: float
    default: 3
  restore:
    description: List of C({path, there, mode, owner, group, content}), content in base64; of any folder.
    type: list
    elements: dict
    default: []
  keep:
    description: >-
      Where former files are kept until the ledger has them, C({folder, run, known, most}); without a run none
      are.
    type: dict
    default: {}
"""

RETURN = r"""
differences:
  description: What was not as declared, C({what, where, value, state}); state is missing, extra or changed.
  returned: always
  type: list
kept:
  description: Former files that the ledger does not have yet.
  returned: always
  type: list
"""

REQUIRED = object()
ARGUMENTS = {
    "name": REQUIRED,
    "root": REQUIRED,
    "state": "present",
    "files": [],
    "daemons": [],
    "ready_s": 5,
    "stop_s": 3,
    "restore": [],
    "keep": {},
}

# What is in a diff instead of a secret.
SECRET = "(not shown: only its owner may read it)\n"
# A daemon that cannot read its configuration ends within this time, seconds.
SETTLE_S = 0.15
# So many of the last lines that a daemon wrote are told where it fails.
LAST_LINES = 3
POLL_S = 0.02


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


def digest_of(what):
    """Digest of plain data."""
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]


def start_time(pid):
    """Start of a process in clock ticks since boot, or None when it is gone or a zombie."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            # The command's name stands in brackets and may hold anything.
            fields = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in ("Z", "X") else int(fields[19])


class Service:
    """One service of a host: what is declared, what is on disk, what runs."""

    def __init__(self, arguments, check):
        self.arguments, self.check = arguments, check
        self.name, self.keeper = arguments["name"], Keeper(arguments["keep"])
        self.folder = os.path.join(arguments["root"], self.name)
        self.record_path = os.path.join(self.folder, ".daemons.json")
        self.running = self._read_record()
        self.differences = []
        self.diffs = []

    def _read_record(self):
        try:
            with open(self.record_path) as file:
                record = json.load(file)
        except (FileNotFoundError, ValueError):
            return {}
        return record

    def differ(self, what, where, value, state):
        self.differences.append({"what": what, "where": where, "value": value, "state": state})

    def alive(self, name):
        """Whether the daemon that we started still runs."""
        known = self.running.get(name)
        return known is not None and start_time(known["pid"]) == known["start"]

    def absent(self):
        """Stop everything and remove the folder."""
        configuration = self.configuration()
        for name in reversed(list(self.running)):
            if self.alive(name):
                self.differ("daemon", self.name, name, "extra")
                if not self.check:
                    self.stop(name)
        if os.path.isdir(self.folder):
            self.differ("service", self.name, self.folder, "extra")
            if not self.check:
                for path in configuration:
                    self.keeper.before(path)
                shutil.rmtree(self.folder)

    def configuration(self):
        """The files that daemons read."""
        names = {name for known in self.running.values() for name in known.get("files", ())}
        paths = (os.path.join(self.folder, name) for name in sorted(names))
        return [path for path in paths if os.path.isfile(path)]

    def restored(self):
        """Put files back, then start those daemons anew that read them."""
        touched = {
            os.path.relpath(f["path"], self.folder) for f in self.arguments["restore"] if self.put_back(f)
        }
        for name, known in list(self.running.items()):
            if self.check or not touched.intersection(known.get("files", ())):
                continue
            # All that it reads again must be there; without one that it reads at its start it stops.
            there = all(os.path.exists(os.path.join(self.folder, file)) for file in known["files"])
            if self.alive(name) and there and touched <= set(known.get("reloads", ())):
                self.reload(name, "")
                continue
            if "argv" not in known:
                raise Failure("%s: an older release started %s; apply first" % (self.name, name))
            self.stop(name)
            if there:
                # No digest: the next play sees that it does not run as declared.
                self.start(name, known, "", "")

    def put_back(self, file):
        """Make one file what it says; whether it was something else."""
        path, content = file["path"], base64.b64decode(file["content"])
        try:
            about = os.stat(path)
            with open(path, "rb") as old:
                now = (old.read(), about.st_mode & 0o7777, about.st_uid, about.st_gid)
        except FileNotFoundError:
            now = None
        wanted = (content, file["mode"], file["owner"], file["group"]) if file["there"] else None
        if now == wanted:
            return False
        self.differ(
            "file", self.name, path, "extra" if wanted is None else "missing" if now is None else "changed"
        )
        if not self.check:
            self.keeper.before(path)
            if wanted is None:
                os.unlink(path)
            else:
                exactly(path, *wanted)
        return True

    def present(self):
        """Write what differs, then restart what has to be."""
        touched = {f["name"] for f in self.arguments["files"] if self.write(f)}
        daemons = self.arguments["daemons"]
        for name in set(self.running) - {d["name"] for d in daemons}:
            self.differ("daemon", self.name, name, "extra")
            if not self.check:
                self.stop(name)
        for daemon in daemons:
            self.bring_up(daemon, touched)

    def bring_up(self, daemon, touched):
        """Start or restart one daemon where that is due."""
        name = daemon["name"]
        reads = daemon.get("files") or [f["name"] for f in self.arguments["files"]]
        again = daemon.get("reloads", ())
        contents = {f["name"]: f["content"] for f in self.arguments["files"] if f["name"] in reads}
        digest = digest_of([daemon["argv"], sorted(i for i in contents.items() if i[0] not in again)])
        loaded = digest_of(sorted(i for i in contents.items() if i[0] in again))
        if self.alive(name):
            known = self.running[name]
            goes_on = known["digest"] == digest and touched.intersection(reads) <= set(again)
            if goes_on and known.get("loaded", loaded) == loaded and not touched.intersection(reads):
                return
            self.differ("daemon", self.name, name, "changed")
            if goes_on:
                if not self.check:
                    self.reload(name, loaded)
                return
        else:
            self.differ("daemon", self.name, name, "missing")
        if self.check:
            return
        self.stop(name)
        self.start(name, {**daemon, "files": reads}, digest, loaded)

    def reload(self, name, loaded):
        """Tell a daemon to read again what it can; nobody who asks it something meanwhile is turned away."""
        self.signal(self.running[name]["pid"], signal.SIGHUP)
        # Written afterwards: who is stopped in between tells it once more.
        self.running[name]["loaded"] = loaded
        self.write_record()

    def start(self, name, daemon, digest, loaded):
        ready, log_path = daemon.get("ready"), os.path.join(self.folder, name + ".log")
        if ready and os.path.exists(ready):
            os.unlink(ready)
        with open(log_path, "wb") as log:
            try:
                process = subprocess.Popen(
                    daemon["argv"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self.folder,
                    env=self.environment(),
                    start_new_session=True,
                )
            except OSError as error:
                raise Failure("%s: cannot start %s: %s" % (self.name, name, error)) from None
        begun = start_time(process.pid)
        how = {key: daemon[key] for key in ("argv", "files", "reloads", "ready") if daemon.get(key)}
        if "reloads" in how:
            how["loaded"] = loaded
        self.running[name] = {"pid": process.pid, "start": begun, "digest": digest, **how}
        self.write_record()
        time.sleep(SETTLE_S)
        limit = time.monotonic() + self.arguments["ready_s"]
        while process.poll() is None and ready and not os.path.exists(ready):
            if time.monotonic() > limit:
                self.fail(name, log_path, "is not up after %g s" % self.arguments["ready_s"])
            time.sleep(POLL_S)
        if process.poll() is not None:
            self.fail(name, log_path, "ended at once with code %d" % process.returncode)

    @staticmethod
    def environment():
        """A daemon's environment: nothing of the session's that started it but the language."""
        kept = {name: os.environ[name] for name in ("LANG", "LC_ALL") if name in os.environ}
        return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/", **kept}

    def fail(self, name, log_path, what):
        with open(log_path, errors="replace") as file:
            lines = [line.strip() for line in file.read()[-2000:].splitlines() if line.strip()]
        # What a program says of its end stands last; before it there may be the whole way there.
        words = "; ".join(lines[-LAST_LINES:])
        # Tried again by the next run: a daemon with no record is missing.
        self.stop(name)
        raise Failure("%s: %s %s: %s" % (self.name, name, what, words or "it said nothing"))

    def stop(self, name):
        if self.alive(name):
            pid, limit = self.running[name]["pid"], time.monotonic() + self.arguments["stop_s"]
            self.signal(pid, signal.SIGTERM)
            while self.alive(name) and time.monotonic() < limit:
                time.sleep(POLL_S)
            if self.alive(name):
                self.signal(pid, signal.SIGKILL)
        if self.running.pop(name, None):
            self.write_record()

    @staticmethod
    def signal(pid, number):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return

    def write(self, file):
        """Write a file where it differs; whether it did."""
        path = os.path.join(self.folder, file["name"])
        mode, content = int(file.get("mode", "0644"), 8), file["content"].encode()
        try:
            with open(path, "rb") as old:
                before, old_mode = old.read(), os.stat(path).st_mode & 0o7777
        except FileNotFoundError:
            before, old_mode = None, mode
        if before == content and old_mode == mode:
            return False
        self.differ("file", self.name, path, "missing" if before is None else "changed")
        secret = bool(file.get("secret")) or not mode & 0o044
        hidden = secret or not old_mode & 0o044
        texts = [
            SECRET if hidden and text else (text or b"").decode(errors="replace")
            for text in (before, content)
        ]
        self.diffs.append(
            {"before_header": path, "before": texts[0], "after_header": path, "after": texts[1]}
        )
        if not self.check:
            self.keeper.before(path, secret or None)
            exactly(path, content, mode)
        return True

    def write_record(self):
        exactly(self.record_path, json.dumps(self.running).encode(), 0o600)


def run(arguments, check, diff):
    """Bring the service to its state; Ansible's result."""
    service = Service(arguments, check)
    try:
        getattr(service, arguments["state"])()
    except Failure as failure:
        failure.facts["kept"] = service.keeper.told()
        raise
    except OSError as error:
        raise Failure("%s: %s" % (service.name, error), kept=service.keeper.told()) from None
    result = {"changed": bool(service.differences), "differences": service.differences}
    if diff:
        result["diff"] = service.diffs
    if not check:
        result["kept"] = service.keeper.told()
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
        if own.get("state", "present") not in ("present", "absent", "restored"):
            raise Failure("state should be present, absent or restored, not %s" % own["state"])
        result = run({**ARGUMENTS, **own}, check, diff)
    except Failure as failure:
        result = {"failed": True, "msg": str(failure), **failure.facts}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
