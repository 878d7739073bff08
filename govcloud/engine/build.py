"""Compiling the engine from the Go module proxy, every module verified by go.sum.

The recipe is copied to a folder of its own in the cache and compiled there with ``-mod=readonly``: a
module that go.sum does not know, or knows with another checksum, ends the build. Where the modules
come from is the site's affair (GOPROXY, GOPRIVATE, GOSUMDB and the others are passed on untouched).
"""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from ..errors import GovcloudError
from . import store
from .go import Go, toolchain, work_folder
from .onpath import PATIENCE
from .recipe import FILES, LDFLAGS, OLDEST, PACKAGE, VERSION, dotted, folder

Report = Callable[[str], None]
Progress = Callable[[str, int, int], None]

# Every flag that both `go list` and `go build` get. They outrank the same flags in GOFLAGS.
FLAGS = ["-mod=readonly", "-modcacherw", "-trimpath", "-buildvcs=false"]
# Modules, compiled packages and the binary, when nothing of it is there yet.
SPACE = 5 * 1024**3
NETWORK = ("dial ", "no such host", "timeout", "proxyconnect", "tls", "refused")
AGAIN = "then `python -m govcloud.engine` goes on where this stopped"


def build(report: Report, progress: Progress | None = None) -> Path:
    """Compile the engine and keep it in the cache. The caller holds the cache's lock."""
    started = time.monotonic()
    store.sweep()
    go = toolchain(report)
    free = shutil.disk_usage(store.private(store.home())).free
    if free < SPACE:
        report(f"only {free / 1024**3:.1f} GB free in {store.home()}; the build may need {SPACE >> 30} GB")
    step = Step(report, progress)
    with tempfile.TemporaryDirectory(prefix="build-", dir=store.home()) as name:
        place = Path(name)
        for file in FILES:
            shutil.copyfile(folder() / file, place / file)
        environment = variables(go)
        report("Pulumi engine: fetching its modules, verified by go.sum")
        packages = step.run(
            "fetching modules",
            [str(go.path), "list", *FLAGS, "-deps", PACKAGE],
            place,
            environment,
            (place / "go.mod").read_text().count("\n\t"),
        )
        report(f"Pulumi engine: compiling {VERSION} ({len(packages)} packages; once, some minutes)")
        target = place / "pulumi"
        step.run(
            "compiling",
            [str(go.path), "build", *FLAGS, "-v", "-ldflags", LDFLAGS, "-o", str(target), PACKAGE],
            place,
            environment,
            len(packages),
        )
        _try_out(target)
        kept = store.keep(target)
    if go.ours:
        # Half a gigabyte of toolchain and two of modules, for a thing that is done once.
        shutil.rmtree(work_folder(), ignore_errors=True)
    report(f"Pulumi engine: {VERSION} built in {time.monotonic() - started:.0f} s, kept as {kept}")
    return kept


def variables(go: Go) -> dict[str, str]:
    """The environment of the build: the site's own, less what would build another thing."""
    result = dict(os.environ)
    # A cross-compiler's settings would give a binary that does not run here.
    for name in ("GOOS", "GOARCH", "GOARM", "GOAMD64", "GOARM64"):
        result.pop(name, None)
    # Without cgo the binary needs neither a C compiler now nor this machine's libc later.
    result |= {"GO111MODULE": "on", "GOWORK": "off", "CGO_ENABLED": "0"}
    if go.ours:
        result.pop("GOROOT", None)
        # A machine without Go should not find a Go folder in its home afterwards.
        result.setdefault("GOPATH", str(work_folder() / "path"))
        result.setdefault("GOCACHE", str(work_folder() / "cache"))
    return result


class Step:
    """Runs the Go command, counts what it says it has done, and passes the count on."""

    def __init__(self, report: Report, progress: Progress | None, every: float = 10.0) -> None:
        self.report = report
        self.progress = progress
        self.every = every

    def run(
        self, what: str, command: list[str], place: Path, environment: dict[str, str], total: int
    ) -> list[str]:
        """Run to the end; returns the lines of standard output. Raises ``GovcloudError``."""
        process = subprocess.Popen(
            command,
            cwd=place,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            output, words = self._follow(process, what, total)
        except BaseException:
            # The compilers that go has started must not outlive a Ctrl-C.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        if process.wait():
            raise _failure(what, words)
        return output

    def _follow(self, process: subprocess.Popen[str], what: str, total: int) -> tuple[list[str], list[str]]:
        assert process.stdout is not None and process.stderr is not None
        lines: queue.Queue[str | None] = queue.Queue()
        output: list[str] = []

        def read_errors(stream: object = process.stderr) -> None:
            for line in stream:  # type: ignore[attr-defined]
                lines.put(line.rstrip())
            lines.put(None)

        def read_output(stream: object = process.stdout) -> None:
            for line in stream:  # type: ignore[attr-defined]
                output.append(line.rstrip())

        readers = [threading.Thread(target=read, daemon=True) for read in (read_errors, read_output)]
        for reader in readers:
            reader.start()
        words: deque[str] = deque(maxlen=12)
        done, started, told = 0, time.monotonic(), time.monotonic()
        while True:
            try:
                line = lines.get(timeout=1.0)
            except queue.Empty:
                line = ""
            if line is None:
                break
            if _is_progress(line):
                done += 1
                if self.progress:
                    self.progress(what, min(done, total), total)
            elif line:
                words.append(line)
            if self.progress is None and time.monotonic() - told >= self.every:
                told = time.monotonic()
                self.report(f"  {what}: {min(done, total)} of {total}, {told - started:.0f} s")
        for reader in readers:
            reader.join()
        if self.progress:
            self.progress(what, total, total)
        return output, list(words)


def _is_progress(line: str) -> bool:
    """``go: downloading M V`` while modules come; a bare import path while packages compile."""
    return line.startswith("go: downloading ") or (bool(line) and " " not in line and ":" not in line)


def _failure(what: str, words: list[str]) -> GovcloudError:
    text = "\n".join(words) or "it gave no reason"
    lower = text.lower()
    if "checksum mismatch" in lower or "missing go.sum entry" in lower or "security error" in lower:
        hint = (
            "a module is not the one that go.sum names, so nothing was built; "
            f"ask who keeps your module mirror (GOPROXY), {AGAIN}"
        )
    elif "no space left" in lower:
        hint = f"make {SPACE >> 30} GB free in {store.home()} and in Go's caches, {AGAIN}"
    elif any(
        word in lower for word in ("dial ", "no such host", "timeout", "proxyconnect", "tls", "refused")
    ):
        hint = f"check the network, or name your site's module mirror in GOPROXY, {AGAIN}"
    else:
        hint = (
            f"a `pulumi` {dotted(OLDEST)} or newer on PATH will do too; `python -m govcloud.engine` retries"
        )
    return GovcloudError(f"the Pulumi engine could not be built ({what}):\n{text}", hint=hint)


def _try_out(target: Path) -> None:
    """The new binary must run and say the version that it was made for."""
    try:
        done = subprocess.run(
            [str(target), "version"],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE * 6,
            env=os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "1"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GovcloudError(f"the engine was built but does not run: {error}") from None
    if done.stdout.strip() != f"v{VERSION}":
        said = (done.stdout + done.stderr).strip() or "nothing"
        raise GovcloudError(f"the engine was built but answers {said!r} instead of v{VERSION}")
