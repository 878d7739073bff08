"""Helpers: small Python programs that the agent runs inside the lab and asks by lines of JSON."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from .protocol import LabError


class Helper:
    """One helper; started when first asked, and again when it has died.

    ``started`` is called (with the lock held) after each start, e.g. to tell a new one what the
    former knew.
    """

    def __init__(
        self,
        module: str,
        prefix: list[str],
        environment: dict[str, str],
        started: Callable[[], list[dict[str, Any]]] | None = None,
    ) -> None:
        self.module = module
        self._command = [*prefix, sys.executable, "-m", f"govcloud.lab.{module}"]
        # A helper needs this package and the standard library, wherever this package was loaded from.
        self._environment = {**environment, "PYTHONPATH": str(Path(__file__).absolute().parents[2])}
        self._started = started
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send one request and wait for its answer. Raises ``LabError``."""
        with self._lock:
            for attempt in (1, 2):
                try:
                    answer = self._exchange(request)
                    break
                except (BrokenPipeError, EOFError, json.JSONDecodeError) as error:
                    self._end()
                    if attempt == 2:
                        raise LabError(f"the lab's {self.module} ended twice: {error}") from error
        if "error" in answer:
            raise LabError(f"the lab's {self.module}: {answer['error']}")
        return answer

    def revive(self) -> None:
        """Start it again if it ran once and has died."""
        with self._lock:
            if self._process is not None and self._process.poll() is not None:
                self._end()
                self._start()

    def _exchange(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._start()
        return self._raw(request)

    def _start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self._environment,
            cwd="/",
        )
        for request in self._started() if self._started else []:
            self._raw(request)

    def _raw(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process is not None and self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise EOFError("no answer")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        with suppress(BrokenPipeError):
            self._process.communicate()
        self._process = None

    def close(self) -> None:
        """End it and wait."""
        with self._lock:
            self._end()
