"""Handing values to programs that a stage starts: they ask on a Unix socket, by name.

The socket lies in a folder of this user's alone, and answers only processes that descend from this one
(the kernel says who asks). So nothing stands in an argument, an environment or a file: children are told
where to ask, which is no secret.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import struct
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

# The variable that tells a child where to ask.
VARIABLE = "GOVCLOUD_SECRETS"
SOCKET = "s"
# A child that asks and then says nothing more does not hold up the others for longer, seconds.
PATIENCE = 10.0
LONGEST = 4096
_CREDENTIALS = struct.Struct("3i")


@contextmanager
def handing(folder: Path, values: Mapping[str, bytes]) -> Iterator[dict[str, str]]:
    """Answer while the block lasts; gives the environment that children need. ``folder``: where sockets go.

    Without values nothing is offered, and nothing is given.
    """
    if not values:
        yield {}
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _tidy(folder)
    place = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=folder))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short(place) as short:
            listener.bind(f"{short}/{SOCKET}")
        (place / SOCKET).chmod(0o600)
        listener.listen(64)
        thread = threading.Thread(target=_serve, args=(listener, dict(values)), name="handing", daemon=True)
        thread.start()
        try:
            yield {VARIABLE: str(place)}
        finally:
            with suppress(OSError):
                # Wakes the thread from `accept`, which closing alone would not.
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()
    finally:
        listener.close()
        shutil.rmtree(place, ignore_errors=True)


def _tidy(folder: Path) -> None:
    """Take away what killed processes left: empty sockets, with nobody behind them."""
    for left in folder.iterdir():
        owner = left.name.partition("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _short(place: Path) -> Iterator[str]:
    """The folder by a short name: a socket's path has 107 bytes at most, a workspace's may have more."""
    handle = os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)


def _serve(listener: socket.socket, values: Mapping[str, bytes]) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=(connection, values), daemon=True).start()


def _answer(connection: socket.socket, values: Mapping[str, bytes]) -> None:
    with connection, suppress(OSError, ValueError):
        connection.settimeout(PATIENCE)
        if not _may_ask(connection):
            return
        with connection.makefile("rwb") as lines:
            wanted = json.loads(lines.readline(LONGEST))
            found = values.get(wanted["secret"]) if isinstance(wanted, dict) else None
            answer = {"value": base64.b64encode(found).decode()} if found is not None else {}
            lines.write(json.dumps(answer).encode() + b"\n")
            lines.flush()


def _may_ask(connection: socket.socket) -> bool:
    """Whether the other end is this user's and descends from this process."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(raw)
    if uid != os.geteuid():
        return False
    try:
        return os.getpid() in (pid, *(parent.pid for parent in psutil.Process(pid).parents()))
    except psutil.Error:
        return False


def ask(name: str, environment: Mapping[str, str] | None = None) -> bytes:
    """A value by its secret's name, for a child of a run. Raises ``LookupError`` where nobody offers it."""
    place = (environment if environment is not None else os.environ).get(VARIABLE)
    if not place:
        raise LookupError(f"secret/{name} is handed over by `govcloud apply` alone, and this is none")
    try:
        with _short(Path(place)) as short, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(f"{short}/{SOCKET}")
            with connection.makefile("rwb") as lines:
                lines.write(json.dumps({"secret": name}).encode() + b"\n")
                lines.flush()
                answer = json.loads(lines.readline() or b"{}")
    except (OSError, ValueError) as error:
        raise LookupError(f"secret/{name} could not be asked for: {error}") from None
    if "value" not in answer:
        raise LookupError(f"secret/{name} is not among what this stage was given")
    return base64.b64decode(answer["value"])
