"""What the Pulumi engine is made of, in one place: its version, its modules, how it is compiled.

The folder ``recipe`` beside this file holds ``go.mod`` and ``go.sum`` (every module with its
checksum), ``engine.go`` (the import that keeps ``go mod tidy`` from emptying them) and ``go.txt``
(the Go toolchain for machines that have none). A new version of the engine is a change of this
file and of that folder, and of nothing else; CONTRIBUTING.md tells the steps.
"""

from __future__ import annotations

import hashlib
import platform
import re
from functools import cache
from pathlib import Path

VERSION = "3.255.0"
# The oldest `pulumi` on PATH that will do. The next major version may change the protocol.
OLDEST = (3, 255, 0)
MAJOR = 3

PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
LDFLAGS = f"-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{VERSION}"
FILES = ("go.mod", "go.sum", "engine.go")


def folder() -> Path:
    """The folder with go.mod, go.sum, engine.go and go.txt."""
    return Path(__file__).parent / "recipe"


@cache
def go_needed() -> tuple[int, ...]:
    """The oldest Go that go.mod accepts."""
    for line in (folder() / "go.mod").read_text().splitlines():
        if line.startswith("go "):
            return numbers(line)
    raise AssertionError("go.mod of the engine has no `go` line")


@cache
def key() -> str:
    """Names one build of the engine: version, modules, system, processor."""
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        digest.update((folder() / name).read_bytes())
    system, machine = platform.system().lower(), platform.machine().lower()
    return f"{VERSION}-{digest.hexdigest()[:12]}-{system}-{machine}"


def numbers(text: str) -> tuple[int, ...]:
    """The first dotted number in a text: ``go version go1.26.8 linux`` gives (1, 26, 8)."""
    found = re.search(r"\d+(?:\.\d+)+", text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def dotted(version: tuple[int, ...]) -> str:
    """(1, 26, 8) as ``1.26.8``."""
    return ".".join(str(part) for part in version)
