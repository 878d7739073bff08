"""Set-up: system packages, the locked dependencies in ``.venv``, the Pulumi engine.

Says each step in one line with its seconds. When nothing has changed since the last time it says
nothing and takes a fraction of a second. Only the standard library; ``tools/setup`` starts it.
"""

from __future__ import annotations

import configparser
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import getuv  # noqa: E402
import packages  # noqa: E402
from packages import Stop  # noqa: E402

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "setup.json"
# What the environment is made from: any change of these makes it again.
INPUTS = ("uv.lock", "pyproject.toml", "tools/setup.py")


def say(text: str) -> None:
    """One line for the user."""
    print(f"set-up: {text}", file=sys.stderr, flush=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what was done, and in how many seconds."""
    started = time.monotonic()
    yield
    say(f"{what}, {time.monotonic() - started:.1f} s")


def inputs() -> str:
    """A digest of what the environment is made from, and where it stands (its scripts name the place)."""
    digest = hashlib.sha256(str(ROOT).encode())
    for name in INPUTS:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def fresh() -> bool:
    """Whether ``.venv`` was made from the present inputs."""
    try:
        return bool(json.loads(STAMP.read_text())["inputs"] == inputs()) and PYTHON.exists()
    except (OSError, ValueError, KeyError, TypeError):
        return False


def mirror() -> str | None:
    """The site's own package index, as uv's or pip's settings name it; None for the public one."""
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        if os.environ.get(name):
            return os.environ[name]
    home = Path.home()
    places = (home / ".config/pip/pip.conf", home / ".pip/pip.conf", Path("/etc/pip.conf"))
    for file in (os.environ.get("PIP_CONFIG_FILE", ""), *map(str, places)):
        settings = configparser.ConfigParser(interpolation=None)
        try:
            settings.read(file)
        except configparser.Error:
            continue
        for section in ("install", "global"):
            if settings.get(section, "index-url", fallback=""):
                return settings.get(section, "index-url")
    return None


def uv(program: str, *arguments: str) -> str:
    """Run uv in the checkout; its standard output. Raises ``Stop`` with its last words."""
    environment = os.environ | {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
    # An environment that happens to be active is not the one that is being made.
    for name in ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "PYTHONPATH"):
        environment.pop(name, None)
    done = subprocess.run(
        [program, *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if done.returncode:
        words = "\n".join((done.stderr or done.stdout).strip().splitlines()[-12:])
        raise Stop(
            f"installing the dependencies failed (uv {arguments[0]}):\n{words}\n"
            "Check the network; UV_DEFAULT_INDEX names a mirror of the package index. Then type it again."
        )
    return done.stdout


def dependencies(program: str) -> None:
    """Bring ``.venv`` to the lock file, every file checked against its hash, and this checkout into it."""
    STAMP.unlink(missing_ok=True)
    index = mirror()
    if index is None:
        uv(program, "sync", "--frozen", "--no-install-project", "--python", sys.executable)
    else:
        # The lock file has the public index's addresses; its hashes are good for any mirror's files.
        wanted = uv(program, "export", "--frozen", "--no-emit-project", "--no-header", "--no-annotate")
        if not PYTHON.exists():
            uv(program, "venv", "--clear", "--python", sys.executable, str(VENV))
        listed = VENV / "requirements.txt"
        listed.write_text(wanted)
        target = ("--python", str(PYTHON), "--default-index", index)
        uv(program, "pip", "sync", "--require-hashes", *target, str(listed))
    # The build backend is among what was just installed, so this needs no network.
    options = ("--no-deps", "--no-build-isolation", "--offline", "--python", str(PYTHON))
    uv(program, "pip", "install", *options, "--editable", str(ROOT))


def compiled() -> None:
    """Compile what was installed, so that no command has to: uncompiled, they start twice as slowly.

    Python does it by itself at the first import, but not where it may not write or is told not to, as
    in many container images. Ansible compiles its collections itself, each time, whatever lies there.
    """
    options = ("-q", "-j", "0", "-x", "ansible_collections")
    subprocess.run(
        [str(PYTHON), "-m", "compileall", *options, str(VENV / "lib")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )


def engine_is_there() -> bool:
    """Ask the program itself, which looks on PATH and in the cache of whoever runs this."""
    code = "import sys; from govcloud.engine import find; sys.exit(find() is None)"
    return subprocess.run([str(PYTHON), "-c", code], cwd=ROOT).returncode == 0


def engine() -> None:
    """Build the Pulumi engine; it tells its own steps."""
    done = subprocess.run([str(PYTHON), "-m", "govcloud.engine"], cwd=ROOT, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise Stop("the Pulumi engine is missing; everything else is in place")


def look_over() -> None:
    """Say what the program would still miss on this machine, such as user namespaces."""
    subprocess.run(
        [str(VENV / "bin" / "govcloud"), "doctor", "--missing"], cwd=ROOT, stdin=subprocess.DEVNULL
    )


@contextmanager
def alone() -> Iterator[None]:
    """One set-up of a checkout at a time; a second one waits and then finds everything done."""
    getuv.cache().mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(str(ROOT).encode()).hexdigest()[:12]
    with (getuv.cache() / f"setup-{name}.lock").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Run the steps that are needed. Exit code 0 when everything is in place."""
    started = time.monotonic()
    try:
        with alone():
            done = False
            program = None
            lacks: list[str] = []
            if not fresh():
                program = getuv.present()
                lacks = [] if program else getuv.lacks()
            if packages.check(say, lacks):
                say(f"system packages installed, {time.monotonic() - started:.1f} s")
                done = True
            if not fresh():
                done = True
                if program is None:
                    with step("uv fetched from the Python package index, hash checked"):
                        program = getuv.fetch()
                with step("dependencies of uv.lock installed in .venv, hashes checked"):
                    dependencies(program)
                with step("installed modules compiled"):
                    compiled()
                STAMP.write_text(json.dumps({"inputs": inputs()}) + "\n")
            if not engine_is_there():
                done = True
                engine()
            if done:
                look_over()
                say(f"done in {time.monotonic() - started:.1f} s; the program is .venv/bin/govcloud")
    except Stop as stop:
        say(str(stop))
        return 1
    except KeyboardInterrupt:
        say("stopped; type it again to go on")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
