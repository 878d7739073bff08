"""What the agent and its clients say to each other: one JSON object a line, over a Unix socket."""

from __future__ import annotations

import json
import socket
from typing import Any

from ..errors import GovcloudError

PROTOCOL = 2
LIMIT = 64 * 1024 * 1024  # bytes in one line; more is a defect of the other side


class LabError(GovcloudError):
    """The lab refused or failed; ``code`` says which refusal it is.

    Codes: ``failed``, ``refused``, ``gone``, ``clash`` (identity), ``foreign`` (of nobody's),
    ``fence`` (stale token), ``down``.
    """

    def __init__(self, message: str, *, code: str = "failed", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class Channel:
    """Lines of JSON over a connected socket. Raises ``ConnectionError`` when the other side is gone."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._reader = connection.makefile("rb")

    def send(self, message: dict[str, Any]) -> None:
        """Write one message."""
        self.connection.sendall(json.dumps(message, separators=(",", ":")).encode() + b"\n")

    def receive(self) -> dict[str, Any] | None:
        """Read one message; None at the end of the stream. Raises ``ValueError`` on nonsense."""
        line = self._reader.readline(LIMIT)
        if not line:
            return None
        if not line.endswith(b"\n"):
            raise ConnectionError("the other side went away in the middle of a message")
        message = json.loads(line)
        if not isinstance(message, dict):
            raise ValueError("a message must be an object")
        return message

    def close(self) -> None:
        """Close both the stream and the socket."""
        self._reader.close()
        self.connection.close()


def error_message(error: GovcloudError) -> dict[str, Any]:
    """An error as it travels."""
    code = error.code if isinstance(error, LabError) else "failed"
    return {"error": {"message": error.message, "hint": error.hint, "code": code}}


def raise_error(message: dict[str, Any]) -> None:
    """Raise the ``LabError`` that the other side sent, if it sent one."""
    error = message.get("error")
    if error:
        raise LabError(error["message"], code=error["code"], hint=error["hint"])
