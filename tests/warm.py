"""Commands in processes that need not start anew: a server holds the program's modules and forks for each.

What runs is the program's own ``main`` with its own arguments, folder, environment and files, in a process of
its own that ends as any other; only the interpreter and the imports are there already (a fifth of a second
for each of some thousand commands). What looks at the start itself runs the program in the ordinary way.
"""

from __future__ import annotations

import array
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

# What commands import late. None of these starts a thread or opens a file for later; the engine's, Ansible's
# and DBOS's are left out, for they do.
MODULES = (
    "govcloud.cli.main",
    "govcloud.cli.apply",
    "govcloud.cli.plan",
    "govcloud.cli.browse",
    "govcloud.plan.gather",
    "govcloud.plan.explain",
    "govcloud.run.runner",
    "govcloud.run.sinks",
    "govcloud.ledger.store",
    "rich.console",
    "rich.table",
    "yaml",
)


class Warm:
    """The server, and commands run by it."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        argv = [sys.executable, str(Path(__file__)), str(theirs.fileno())]
        self._server = subprocess.Popen(argv, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()

    def close(self) -> None:
        """End the server."""
        self._ours.close()
        self._server.wait()

    def run(
        self, program: Path, arguments: Sequence[str], cwd: Path, env: dict[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """As ``subprocess.run`` with its output captured. Raises ``subprocess.TimeoutExpired``."""
        with (
            tempfile.TemporaryFile("w+", encoding="utf-8") as out,
            tempfile.TemporaryFile("w+", encoding="utf-8") as err,
            Path(os.devnull).open() as nothing,
        ):
            order = {"argv": [str(program), *arguments], "cwd": str(cwd), "env": env}
            with tempfile.TemporaryFile("w+") as asked:
                json.dump(order, asked)
                asked.flush()
                asked.seek(0)
                fds = array.array("i", [asked.fileno(), nothing.fileno(), out.fileno(), err.fileno()])
                try:
                    self._ours.sendmsg([b"run"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
                    child = int(self._ours.recv(64))
                except OSError as error:
                    ended = self._server.wait()
                    raise RuntimeError(f"the server of commands ended with {ended}, see above") from error
            self._ours.settimeout(timeout)
            try:
                code = int(self._ours.recv(64))
            except TimeoutError:
                os.kill(child, signal.SIGKILL)
                self._ours.settimeout(None)
                self._ours.recv(64)
                raise subprocess.TimeoutExpired(order["argv"], timeout) from None
            finally:
                self._ours.settimeout(None)
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(order["argv"], code, out.read(), err.read())


def serve(channel: socket.socket) -> None:
    """Fork for each order, until the other side is gone. Returns in a child that is to carry one out."""
    while True:
        message, ancillary, _, _ = channel.recvmsg(16, socket.CMSG_SPACE(4 * 4))
        if not message:
            os._exit(0)
        fds = array.array("i")
        for _level, _kind, data in ancillary:
            fds.frombytes(data)
        child = os.fork()
        if child == 0:
            channel.close()
            with os.fdopen(fds[0]) as asked:
                order = json.load(asked)
            for number, fd in enumerate(fds[1:]):
                os.dup2(fd, number)
                os.close(fd)
            os.chdir(order["cwd"])
            os.environ.clear()
            os.environ.update(order["env"])
            sys.argv = order["argv"]
            return
        for fd in fds:
            os.close(fd)
        channel.send(str(child).encode())
        _, status = os.waitpid(child, 0)
        channel.send(str(os.waitstatus_to_exitcode(status)).encode())


def main() -> None:
    """The server's own start; goes on as the program in its children."""
    import importlib

    for module in MODULES:
        importlib.import_module(module)
    serve(socket.socket(fileno=int(sys.argv[1])))
    from govcloud.cli.main import main as govcloud

    govcloud()


if __name__ == "__main__":
    main()
