"""A PostgreSQL server of the tests' own, on a socket in a private folder, with no TCP.

One server serves all processes of a test session. A guardian (this file as a program) starts it and
ends it when the last of them is gone, however it went: each holds a shared lock that the system gives
back, and the guardian waits for it. A test that breaks servers makes its own with ``Server``.

PostgreSQL refuses to run as root; for root it runs as ``postgres`` or ``nobody``.
"""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

import postgresql

# No test takes the machine's power away: what was written to the system outlives any kill.
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "autovacuum": "off",
    "max_wal_size": "64MB",
    "min_wal_size": "32MB",
}
ADMIN = "postgres"
# A role that must show a password, for tests of how it travels.
LOCKED, PASSWORD = "keeper", "tr0ub4dor"


def obstacle() -> str:
    """Why no server can be had on this machine, or nothing."""
    return (
        ""
        if postgresql.folder()
        else "no PostgreSQL (initdb) on this machine: tools/setup as root installs it"
    )


class Server:
    """A server in a folder of its own. ``kill`` and ``start`` may be called as often as a test likes."""

    def __init__(self, folder: Path | None = None, *, enter: Sequence[str] = ()) -> None:
        binaries = postgresql.folder()
        assert binaries is not None, obstacle()
        self._binaries = binaries
        # How to get where it is to live, such as a mount namespace.
        self._enter = list(enter)
        made = folder is None
        # Not in pytest's folder: paths of sockets are short, and nobody but root may enter there.
        self.folder = folder or Path(tempfile.mkdtemp(prefix="govcloud-pg-", dir="/tmp"))
        self._data = self.folder / "data"
        if made:
            try:
                self._initialise()
            except BaseException:
                shutil.rmtree(self.folder)
                raise

    def _initialise(self) -> None:
        self.own(self.folder)
        self._run(
            [
                *("initdb", "--no-sync", "--auth=trust", f"--username={ADMIN}", "--encoding=UTF8"),
                *("--locale=C", "--no-instructions", "-D", str(self._data)),
            ]
        )
        hba = f"local all {LOCKED} scram-sha-256\nlocal all all trust\n"
        (self._data / "pg_hba.conf").write_text(hba)

    def _run(self, argv: list[str]) -> None:
        done = subprocess.run(
            [*self._enter, *self._as_user(), str(self._binaries / argv[0]), *argv[1:]],
            cwd="/",
            env=os.environ | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{argv[0]}: {done.stdout}{done.stderr}{self.log()}"

    def _as_user(self) -> list[str]:
        if os.geteuid() == 0:
            user = _user()
            return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]
        # In a user namespace we are root, by name alone; one more around the server makes it somebody else.
        return ["unshare", "--user", f"--map-user={os.getuid()}", "--"] if self._enter else []

    def own(self, place: Path) -> None:
        """Give a folder to the server."""
        if os.geteuid() == 0:
            user = _user()
            argv = ["chown", f"{user.pw_uid}:{user.pw_gid}", str(place)]
            subprocess.run([*self._enter, *argv], check=True)

    def log(self) -> str:
        """What the server wrote so far."""
        file = self.folder / "log"
        return file.read_text(errors="replace") if file.exists() else ""

    def start(self) -> Server:
        """Start it, and wait until it takes connections."""
        options = " ".join(f"-c {key}={value!r}" for key, value in SETTINGS.items())
        options += f" -k {self.folder}"
        # A leader of its own session: Ctrl-C at the tests is not for it.
        self._run(
            ["pg_ctl", "-D", str(self._data), "-l", str(self.folder / "log"), "-w", "-o", options, "start"]
        )
        return self

    def stop(self, how: str = "immediate") -> None:
        """End it: ``fast`` with a farewell, ``immediate`` without."""
        self._run(["pg_ctl", "-D", str(self._data), "-w", "-m", how, "stop"])

    def kill(self, backend: int) -> None:
        """kill -9 of one of its processes; the server notices, ends all others and starts over."""
        os.kill(backend, signal.SIGKILL)

    def running(self) -> bool:
        return (self._data / "postmaster.pid").exists()

    def remove(self) -> None:
        """End it and leave nothing behind."""
        if self.running():
            self.stop()
        shutil.rmtree(self.folder)

    def url(self, database: str, user: str = ADMIN, password: str = "", **options: str) -> str:
        """How the program is told of a database; ``password`` as it stands in the URL."""
        login = f"{user}:{password}" if password else user
        more = "".join(f"&{key}={quote(value)}" for key, value in options.items())
        return f"postgresql://{login}@/{database}?host={quote(str(self.folder), safe='')}{more}"

    def admin(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Carry out a statement as the server's administrator."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def tool(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's own programs as the administrator."""
        self._run([program, "-h", str(self.folder), "-U", ADMIN, *arguments])

    def create(self, database: str) -> str:
        """A new, empty database; its URL."""
        self.admin(f'CREATE DATABASE "{database}"')
        return self.url(database)

    def drop(self, database: str) -> None:
        self.admin(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')


def _user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("neither a user postgres nor nobody")


_held: list[IO[str]] = []


def shared(base: Path) -> Server:
    """The server of a test session, whose processes all name the same folder ``base``."""
    with (base / "postgres.start").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        users = (base / "postgres.users").open("a")
        fcntl.flock(users, fcntl.LOCK_SH)
        _held.append(users)
        known = base / "postgres.json"
        if not known.exists():
            guardian = subprocess.Popen(
                [sys.executable, str(Path(__file__).resolve()), str(base)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                start_new_session=True,
                text=True,
            )
            assert guardian.stdout is not None
            assert guardian.stdout.readline() == "up\n", "the PostgreSQL server did not start"
        return Server(Path(json.loads(known.read_text())["folder"]))


def _guard(base: Path) -> None:
    server = Server()
    try:
        server.start()
        server.admin(f"CREATE ROLE {LOCKED} LOGIN PASSWORD '{PASSWORD}'")
        known = base / "postgres.json"
        known.write_text(json.dumps({"folder": str(server.folder)}))
        print("up", flush=True)
        with (base / "postgres.users").open("a") as users:
            # Until every process that uses it has ended.
            fcntl.flock(users, fcntl.LOCK_EX)
            known.unlink(missing_ok=True)
    finally:
        server.remove()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.chdir("/")
    _guard(Path(sys.argv[1]))
