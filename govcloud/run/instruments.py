"""Small measuring programs that go on inside hosts (``run.meter``, ``run.knocker``) and report when told."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

# Seconds that a program may take until it measures, and until it has reported.
BEGINS, REPORTS = 20.0, 10.0
ENDS = 2.0


class Instrument:
    """One program in one host. ``trouble``: why it does not measure any more; empty while it does.

    ``last``: the newest report of each of its streams by name; ``stalled_ms`` of the program.
    """

    def __init__(
        self,
        host: str,
        enter: Sequence[str],
        program: str,
        order: Mapping[str, Any],
        environment: Mapping[str, str],
    ) -> None:
        self.host = host
        self.names: list[str] = [stream["name"] for stream in order["streams"]]
        self.trouble = ""
        self.last: dict[str, dict[str, Any]] = {}
        self.stalled_ms = 0.0
        self._rest = b""
        # A session of its own: Ctrl-C at the terminal stops the run, and this measures until its end.
        self._process = subprocess.Popen(
            [*enter, sys.executable, "-m", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
            start_new_session=True,
        )
        self._say(json.dumps(order))

    def wait_ready(self) -> None:
        """Until it measures, or has trouble."""
        self._take(self._line(time.monotonic() + BEGINS))

    def ask(self, word: str) -> None:
        """Ask for a report (``look``, ``stop``); ``hear`` takes it."""
        self._say(word)

    def hear(self, patience_s: float = 0.0) -> None:
        """Take the report that was asked for; ``patience_s`` more than usual."""
        self._take(self._line(time.monotonic() + REPORTS + patience_s))

    def close(self) -> None:
        """End the program, whatever it does."""
        with suppress(OSError):
            assert self._process.stdin
            self._process.stdin.close()
        try:
            self._process.wait(ENDS)
        except subprocess.TimeoutExpired:
            # With what entered the host for it, and goes on there.
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()

    def _say(self, line: str) -> None:
        if self.trouble:
            return
        assert self._process.stdin
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            self.trouble = self._words()

    def _line(self, limit: float) -> bytes:
        """The next line; empty when there is none before the limit, and never will be."""
        if self.trouble:
            return b""
        assert self._process.stdout
        pipe = self._process.stdout.fileno()
        while b"\n" not in self._rest:
            left = limit - time.monotonic()
            if left <= 0 or not select.select([pipe], [], [], left)[0]:
                self.trouble = f"the program in {self.host} does not report"
                return b""
            part = os.read(pipe, 1 << 16)
            if not part:
                self.trouble = self._words()
                return b""
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _take(self, line: bytes) -> None:
        if not line:
            return
        document = json.loads(line)
        for stream in document.get("streams", ()):
            self.last[stream["name"]] = stream
        self.stalled_ms = max(self.stalled_ms, document.get("stalled_ms", 0.0))

    def _words(self) -> str:
        """Why it ended: what it wrote last, or that it has gone with its host."""
        assert self._process.stderr
        try:
            self._process.wait(ENDS)
        except subprocess.TimeoutExpired:
            return f"the program in {self.host} does not listen"
        said = self._process.stderr.read().decode(errors="replace").strip().splitlines()
        return f"{self.host}: {said[-1]}" if said else f"the program in {self.host} ended: its host has gone"


def look(instruments: Sequence[Instrument]) -> None:
    """A report of each, all asked before any is waited for."""
    for instrument in instruments:
        instrument.ask("look")
    for instrument in instruments:
        instrument.hear()


def stop(instruments: Sequence[Instrument], patience_s: float) -> None:
    """The last report of each, then they are ended. ``patience_s``: how long answers are waited for."""
    for instrument in instruments:
        instrument.ask("stop")
    for instrument in instruments:
        instrument.hear(2 * patience_s)
    for instrument in instruments:
        instrument.close()
