"""The sample Hainan as a ledger that only records: everything is accepted, and nothing is built."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from govcloud.ledger import open_ledger
from govcloud.ledger.connection import Connection
from govcloud.workspace import Workspace, open_workspace
from tests.conftest import GOVCLOUD
from tests.warm import Warm

INVENTORY = Path(__file__).parents[1] / "inventory"
# What makes an entry one that is built.
TARGET = re.compile(r"^ *target: lab *\n|, target: lab|target: lab, ", re.MULTILINE)


def record_hainan(place: pytest.TempPathFactory, warm: Warm) -> Path:
    """A workspace with the sample, without targets, applied: a copy of one that a process makes once."""
    made = place.getbasetemp() / "recorded-hainan"
    if not made.exists():
        _record(made, warm)
    copy = place.mktemp("recorded") / "hainan"
    shutil.copytree(made, copy)
    return copy


def _record(folder: Path, warm: Warm) -> None:
    shutil.copytree(INVENTORY / "hainan", folder, ignore=shutil.ignore_patterns(".govcloud"))
    for path in folder.rglob("*.yaml"):
        path.write_text(TARGET.sub("", path.read_text(encoding="utf-8")), encoding="utf-8")
    nodes = folder / "network/nodes.csv"
    nodes.write_text(nodes.read_text(encoding="utf-8").replace(",lab,", ",,"), encoding="utf-8")
    done = warm.run(GOVCLOUD, ["apply", "--yes"], folder, dict(os.environ), 240)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def reading(folder: Path) -> Iterator[tuple[Workspace, Connection]]:
    """The workspace and its ledger, to be read."""
    workspace = open_workspace(str(folder))
    with open_ledger(workspace).read() as connection:
        yield workspace, connection
