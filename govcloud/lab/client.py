"""The lab as other programs see it: a client of the agent's socket."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import msgspec

from ..errors import GovcloudError
from ..model.resources import Identity, RealObject
from . import process
from .places import MARK_VARIABLE, places, read_record
from .preflight import tool
from .protocol import PROTOCOL, Channel, LabError, raise_error

ANSWER_SECONDS = 120.0  # the longest that one call may take

Objects = list[RealObject]
Argv = list[str]


class LabDown(LabError):
    """The lab's agent does not run."""

    def __init__(self) -> None:
        super().__init__("the lab is not up; `govcloud lab up` starts it", code="down")


class LabClient:
    """Talks to the agent of one workspace and environment; may be used from many threads.

    Connections are opened when needed and kept; each call has one for itself, and ends with a
    ``LabError`` when the agent has not answered in ``seconds``.
    """

    def __init__(self, root: Path | str, environment: str, seconds: float = ANSWER_SECONDS) -> None:
        self._seconds = seconds
        self.where = places(root, environment)
        self._idle: list[Channel] = []
        self._lock = threading.Lock()
        self._hello: dict[str, Any] | None = None

    # -- objects ----------------------------------------------------------------------------------

    def list(self, type: str | None = None) -> Objects:
        """Everything that is really there. Raises ``LabDown``, ``LabError``."""
        return msgspec.convert(self.call("list", type=type), Objects)

    def read(self, type: str, identity: Identity) -> RealObject | None:
        """One object, or None. Raises ``LabError``."""
        found = self.call("read", type=type, identity=msgspec.to_builtins(identity))
        return None if found is None else msgspec.convert(found, RealObject)

    def create(self, type: str, identity: Identity, properties: dict[str, Any], fence: int) -> RealObject:
        """Make or adopt. Raises ``LabError``: ``clash``, ``fence``, ``refused``, ``failed``."""
        return self._change("create", type, identity, properties, fence)

    def update(self, type: str, identity: Identity, properties: dict[str, Any], fence: int) -> RealObject:
        """Change in place. Raises ``LabError``: ``gone`` and those of ``create``."""
        return self._change("update", type, identity, properties, fence)

    def delete(self, type: str, identity: Identity, fence: int) -> None:
        """Remove; nothing there is success. Raises ``LabError``."""
        self.call("delete", type=type, identity=msgspec.to_builtins(identity), fence=fence)

    def adopt(
        self, type: str, handle: str, identity: Identity, properties: dict[str, Any], fence: int
    ) -> RealObject:
        """Write an identity on something of nobody's. Raises ``LabError``: ``clash``, ``gone``, ``fence``."""
        known = msgspec.to_builtins(identity)
        words: dict[str, Any] = {"type": type, "identity": known, "properties": properties, "fence": fence}
        return msgspec.convert(self.call("adopt", handle=handle, **words), RealObject)

    def release(self, type: str, identity: Identity, fence: int) -> None:
        """Take an identity off; nothing there is success. Raises ``LabError``."""
        self.call("release", type=type, identity=msgspec.to_builtins(identity), fence=fence)

    def fence(self) -> int:
        """The newest fencing token that the lab has seen. Raises ``LabError``."""
        return int(self.call("fence"))

    def _change(
        self, operation: str, type: str, identity: Identity, properties: dict[str, Any], fence: int
    ) -> RealObject:
        answer = self.call(
            operation,
            type=type,
            identity=msgspec.to_builtins(identity),
            properties=properties,
            fence=fence,
        )
        return msgspec.convert(answer, RealObject)

    # -- commands in the lab ----------------------------------------------------------------------

    def nodes(self) -> Objects:
        """All nodes, servers and instances that live, by name."""
        found = [item for item in self.list() if item.type in ("Node", "Server", "Instance")]
        return sorted(found, key=lambda item: str(item.properties["name"]))

    def prefix(self) -> Argv:
        """The argv prefix that enters the lab's user namespace alone; empty for root.

        Under it the host's files and process ids stay as they are, so a program may go on into
        nodes by their ``facts["pid"]`` (Ansible's ``community.docker.nsenter`` does).
        """
        hello = self.hello()
        if not hello["user_namespace"]:
            return []
        target = ["--target", str(hello["keeper"])]
        return [tool("nsenter"), *target, "--user", "--preserve-credentials", "--"]

    def exec_argv(self, node_pid: int) -> Argv:
        """The argv prefix that runs a command inside a node, by its ``facts["pid"]``."""
        user = ["--user", "--preserve-credentials"] if self.hello()["user_namespace"] else []
        kinds = ["--mount", "--uts", "--ipc", "--net", "--pid"]
        return [tool("nsenter"), "--target", str(node_pid), *user, *kinds, "--"]

    @property
    def marker(self) -> dict[str, str]:
        """Environment variables for what is started in the lab, so that `lab down` finds it."""
        return {MARK_VARIABLE: self.where.mark}

    # -- the wire ---------------------------------------------------------------------------------

    def hello(self) -> dict[str, Any]:
        """What the agent says about itself: pid, keeper, user_namespace, delay. Raises ``LabDown``."""
        if self._hello is None:
            channel = self._connect()
            with self._lock:
                self._idle.append(channel)
        assert self._hello is not None
        return self._hello

    def call(self, operation: str, **arguments: Any) -> Any:
        """One request and its answer. Raises ``LabDown``, ``LabError``."""
        with self._lock:
            channel = self._idle.pop() if self._idle else None
        fresh = channel is None
        channel = channel or self._connect()
        try:
            channel.send({"op": operation, **arguments})
            answer = channel.receive()
            if answer is None:
                raise ConnectionError("no answer")
        except (OSError, ValueError) as error:
            channel.close()
            if not fresh and isinstance(error, ConnectionError):
                # The kept connection was of an agent that has gone; all calls are safe to repeat.
                self.close()
                return self.call(operation, **arguments)
            raise LabError(f"the lab's agent went away during `{operation}`: {error}") from error
        with self._lock:
            self._idle.append(channel)
        raise_error(answer)
        return answer.get("ok")

    def _connect(self) -> Channel:
        record = read_record(self.where)
        if record is None or not record.current or not process.alive(record.agent):
            raise LabDown
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(self._seconds)
        channel = Channel(connection)
        try:
            connection.connect(str(record.socket))
            channel.send({"op": "hello", "protocol": PROTOCOL})
            answer = channel.receive()
            if answer is None:
                raise ConnectionError("no answer")
            raise_error(answer)
        except TimeoutError:
            channel.close()
            raise LabError(
                f"the lab's agent, process {record.agent.pid}, does not answer",
                hint="`govcloud lab down` ends it by force",
            ) from None
        except PermissionError:
            channel.close()
            raise LabError("this lab belongs to another user", code="refused") from None
        except OSError:
            channel.close()
            raise LabDown from None
        except GovcloudError:
            channel.close()
            raise
        self._hello = answer["ok"]
        return channel

    def close(self) -> None:
        """Close the kept connections; the next call opens new ones."""
        with self._lock:
            idle, self._idle, self._hello = self._idle, [], None
        for channel in idle:
            channel.close()


def is_up(root: Path | str, environment: str) -> bool:
    """Whether the lab's agent answers."""
    client = LabClient(root, environment)
    try:
        client.hello()
    except LabDown:
        return False
    finally:
        client.close()
    return True
