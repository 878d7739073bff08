"""On a host: files of secrets as standard input says, each readable by its owner alone."""

import base64
import json
import os
import pwd
import sys
import tempfile

# Which files are ours: names alone. Written before a file is, so that none is ever left unknown.
RECORD = "secrets.json"
# What a file is called until it is whole. No path that can be declared has a part that begins with a dot.
HALF = ".govcloud-put-"


class Refused(Exception):
    """Why a file cannot be put there."""


def main():
    order = json.load(sys.stdin)
    root, check = order["root"], order["check"]
    wanted = {file["path"]: file for file in order["files"]}
    try:
        known = read_record(root)
        changed = [path for path in sorted(wanted) if differs(root, wanted[path])]
        removed = [path for path in sorted(known - set(wanted)) if os.path.lexists(os.path.join(root, path))]
        if not check and (changed or removed or known != set(wanted)):
            os.makedirs(root, mode=0o755, exist_ok=True)
            for folder in {os.path.dirname(path) for path in {RECORD, *known, *wanted}}:
                take_away_halves(os.path.join(root, folder))
            write_record(root, known | set(wanted))
            for path in changed:
                put(root, wanted[path])
            for path in known - set(wanted):
                unlink(os.path.join(root, path))
            write_record(root, set(wanted))
    except Refused as refused:
        print(json.dumps({"failed": True, "msg": str(refused)}))
        return
    except OSError as error:
        # Of a rename the second name is the one that people know.
        place = error.filename2 or error.filename or root
        print(json.dumps({"failed": True, "msg": "%s: %s" % (place, error.strerror)}))
        return
    print(json.dumps({"changed": bool(changed or removed), "written": changed, "removed": removed}))


def read_record(root):
    try:
        with open(os.path.join(root, RECORD)) as file:
            return set(json.load(file))
    except FileNotFoundError:
        return set()
    except ValueError:
        raise Refused("%s/%s cannot be read; remove it" % (root, RECORD)) from None


def write_record(root, paths):
    write(os.path.join(root, RECORD), json.dumps(sorted(paths)).encode(), os.geteuid(), -1)


def account(file):
    """(uid, gid) of the file's owner; this program's own where none is named."""
    if not file["owner"]:
        return os.geteuid(), os.getegid()
    try:
        known = pwd.getpwnam(file["owner"])
    except KeyError:
        raise Refused("%s: this host has no account %s" % (file["path"], file["owner"])) from None
    return known.pw_uid, known.pw_gid


def differs(root, file):
    uid, _ = account(file)
    path = os.path.join(root, file["path"])
    try:
        about = os.lstat(path)
        if os.path.islink(path) or about.st_uid != uid or about.st_mode & 0o7777 != 0o600:
            return True
        with open(path, "rb") as there:
            return there.read() != base64.b64decode(file["content"])
    except (FileNotFoundError, NotADirectoryError):
        return True


def put(root, file):
    path = os.path.join(root, file["path"])
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    write(path, base64.b64decode(file["content"]), *account(file))


def write(path, content, uid, gid):
    """The file appears whole, and was never readable by others."""
    # Made anew with O_EXCL and mode 0600, beside the file, so that it can be renamed.
    handle, near = tempfile.mkstemp(prefix=HALF, dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "wb") as out:
            if uid != os.geteuid():
                os.fchown(handle, uid, gid)
            out.write(content)
            out.flush()
            os.fsync(handle)
        os.replace(near, path)
    except OSError:
        unlink(near)
        raise


def take_away_halves(folder):
    """What one that was killed has left in a folder."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        if name.startswith(HALF):
            unlink(os.path.join(folder, name))


def unlink(path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


main()
