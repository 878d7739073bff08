"""The agent: a process of its own that owns the lab and answers on a Unix socket.

It ends when it is asked to, when its keeper ends, and when its record is gone from the workspace
(somebody removed the folder). However it ends, the kernel takes everything in the lab down.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import struct
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from ..errors import GovcloudError
from ..model.resources import Identity
from . import handing, process
from .places import Places, Record, make_directory, places, read_record, write_record
from .protocol import PROTOCOL, Channel, LabError, error_message
from .province import Province

WATCH_SECONDS = 1.0


class Agent:
    """One lab, served on its socket until it ends."""

    def __init__(self, where: Places) -> None:
        self.where = where
        self.province = Province(where.environment, where.mark)
        self.ending = threading.Event()
        self.wake_reading, self.wake_writing = os.pipe()
        self.keeper: process.Process | None = None

    def start(self) -> None:
        """Make the keeper and the socket; afterwards clients may come. Raises ``GovcloudError``."""
        directory = make_directory(self.where)
        me = process.identify(os.getpid())
        assert me is not None
        self.directory = directory
        self.keeper = self.province.start()
        self.record = Record(me, self.keeper, directory, process.boot_id())
        self.record.socket.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(self.record.socket))  # 0600 by the umask
        self.listener.listen(128)
        self.listener.setblocking(False)
        write_record(self.where, self.record)
        threading.Thread(target=self._watch_keeper, daemon=True).start()

    def serve(self) -> None:
        """Answer clients until the end is asked for."""
        while not self.ending.is_set():
            handles = [self.listener.fileno(), self.wake_reading]
            ready = select.select(handles, [], [], WATCH_SECONDS)[0]
            if handles[0] in ready:
                with suppress(BlockingIOError, ConnectionError):
                    connection, _ = self.listener.accept()
                    connection.setblocking(True)
                    threading.Thread(target=self._converse, args=(connection,), daemon=True).start()
            elif not ready:
                self.province.tend()
                if read_record(self.where) != self.record:
                    print("the record of this lab is gone from its workspace; ending", flush=True)
                    self.ending.set()

    def close(self) -> None:
        """End everything and leave nothing behind."""
        self.ending.set()
        self.province.close()
        self.listener.close()
        # A newer agent may have written its own record; that one is not ours to remove.
        if read_record(self.where) == self.record:
            self.where.log.unlink(missing_ok=True)
            self.where.record.unlink(missing_ok=True)
        shutil.rmtree(self.directory, ignore_errors=True)

    def end(self) -> None:
        """Ask for the end, from any thread or signal."""
        self.ending.set()
        os.write(self.wake_writing, b"x")

    def _watch_keeper(self) -> None:
        assert self.province.space.keeper is not None
        self.province.space.keeper.waiter.wait()
        if not self.ending.is_set():
            print("the keeper of this lab was ended by somebody else; ending", flush=True)
        self.end()

    def _converse(self, connection: socket.socket) -> None:
        channel = Channel(connection)
        try:
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            _, uid, _ = struct.unpack("=iII", credentials)
            if uid not in (os.getuid(), 0):
                channel.send(error_message(LabError("this lab belongs to another user", code="refused")))
                return
            while (request := channel.receive()) is not None:
                channel.send(self._answer(request))
                if request.get("op") == "down":
                    self.end()
        except (OSError, ValueError):
            pass  # the client went away, or talks nonsense: nothing of ours is harmed
        finally:
            with suppress(OSError):
                channel.close()

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"ok": self._act(request)}
        except GovcloudError as error:
            return error_message(error)
        except Exception as error:  # one call's defect must not end the lab; it is logged
            traceback.print_exc()
            sys.stderr.flush()
            return error_message(LabError(f"a defect in the lab's agent: {type(error).__name__}: {error}"))

    def _act(self, request: dict[str, Any]) -> Any:
        operation = request.get("op")
        if operation == "hello":
            return self._hello(request)
        if operation == "down":
            return None
        if self.ending.is_set():
            raise LabError("the lab is going down", code="down")
        kind = request.get("type")
        if operation == "list":
            return msgspec.to_builtins(self.province.everything(kind))
        if operation == "fence":
            return self.province.fence()
        try:
            identity = msgspec.convert(request["identity"], Identity)
            assert isinstance(kind, str)
            if operation == "read":
                return msgspec.to_builtins(self.province.read(kind, identity))
            fence = int(request["fence"])
            if operation == "delete":
                return self.province.delete(kind, identity, fence)
            if operation == "release":
                return handing.release(self.province, kind, identity, fence)
            properties = dict(request["properties"])
            handle = str(request["handle"]) if operation == "adopt" else ""
        except (KeyError, TypeError, ValueError, AssertionError, msgspec.ValidationError) as error:
            raise LabError(f"the request {operation!r} is not complete: {error}") from None
        if operation == "create":
            return msgspec.to_builtins(self.province.create(kind, identity, properties, fence))
        if operation == "update":
            return msgspec.to_builtins(self.province.update(kind, identity, properties, fence))
        if operation == "adopt":
            return msgspec.to_builtins(
                handing.adopt(self.province, kind, handle, identity, properties, fence)
            )
        raise LabError(f"the lab knows no {operation!r}")

    def _hello(self, request: dict[str, Any]) -> dict[str, Any]:
        if request.get("protocol") != PROTOCOL:
            raise LabError(
                f"the lab's agent speaks version {PROTOCOL} of its protocol, this program "
                f"{request.get('protocol')}",
                code="refused",
                hint="`govcloud lab down`, then `govcloud lab up`",
            )
        assert self.keeper is not None
        return {
            "protocol": PROTOCOL,
            "pid": os.getpid(),
            "environment": self.where.environment,
            "mark": self.where.mark,
            "keeper": self.keeper.pid,
            "user_namespace": self.province.space.user_namespace,
            "delay": "kernel" if self.province.wiring.netem else "delay line",
        }


def main(root: str, environment: str, ready: int) -> None:
    """Run the agent; ``ready`` is a pipe that gets one line of JSON once it serves, or has failed."""
    if os.fork():
        os._exit(0)  # the starter waits for this one; the other belongs to nobody
    os.umask(0o077)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    agent = Agent(places(Path(root), environment))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.end())
    try:
        agent.start()
    except GovcloudError as error:
        agent.province.space.close()
        os.write(ready, (json.dumps(error_message(error)) + "\n").encode())
        os._exit(1)
    os.write(ready, b'{"ok":true}\n')
    os.close(ready)
    try:
        agent.serve()
    finally:
        agent.close()
    os._exit(0)  # threads that still wait for clients have nothing left to wait for


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
