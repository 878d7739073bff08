"""Writers at the same time, as real processes: one wins, the other gets exit 5 and a sentence."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from store_province import records

from govcloud.ledger import open_ledger
from govcloud.workspace import Workspace

Cli = Callable[..., Any]
GOVCLOUD = Path(sys.executable).with_name("govcloud")

HOLD = """
import sys
from pathlib import Path
from govcloud.ledger import leases, open_ledger
from govcloud.workspace import open_workspace
ledger = open_ledger(open_workspace(sys.argv[1]), create=True)
with ledger.write() as connection:
    leases.take(connection, "run", leases.Holder.me())
    if sys.argv[2] == "lock":
        print("holds", flush=True)
        input()
print("holds", flush=True)
input()
"""
# The program itself, less patient than it is.
HASTY = """
import sys
from govcloud.ledger import connection
connection.PATIENCE = 0.3
from govcloud.cli.main import main
main()
"""


@contextmanager
def holding(root: Path, what: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the write lock (``lock``) or the lease of a run (``lease``)."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(root), what],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdin is not None
    try:
        if process.stdout.readline() != "holds\n":
            raise AssertionError(process.communicate()[1])
        yield process
    finally:
        process.communicate("\n\n")


def hasty(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", HASTY, *arguments]
    return subprocess.run(argv, cwd=root, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def revisions(workspace: Workspace) -> int:
    ledger = open_ledger(workspace)
    with ledger.read() as connection:
        count = connection.scalar("SELECT count(*) FROM revision")
    ledger.close()
    return int(count)


def test_who_waits_in_vain_for_the_lock_gets_exit_5(cli: Cli, workspace: Workspace, store: str) -> None:
    records(workspace.root, ledger=store).write()
    with holding(workspace.root, "lock"):
        told = hasty(workspace.root, "apply", "--yes")
        assert told.returncode == 5, told
        assert "error: somebody else is writing to the ledger and did not finish in time" in told.stderr
        assert "govcloud runs list" in told.stderr and "Traceback" not in told.stderr
        as_json = hasty(workspace.root, "apply", "--yes", "--json")
        assert as_json.returncode == 5 and '"exit_code": 5' in as_json.stdout, as_json
        # Who only reads waits for nobody.
        assert hasty(workspace.root, "ls").returncode == 0
        assert hasty(workspace.root, "runs", "list").returncode == 0
    assert revisions(workspace) == 0
    assert cli("apply", "--yes").code == 0


def test_who_meets_a_held_lease_gets_exit_5_and_the_holders_name(
    cli: Cli, workspace: Workspace, store: str
) -> None:
    records(workspace.root, ledger=store).write()
    with holding(workspace.root, "lease") as other:
        told = cli("apply", "--yes")
        assert told.code == 5, told
        assert f"run is held by process {other.pid}" in told.err
        assert revisions(workspace) == 0
    # The holder is gone and proven dead: nobody waits for its time to run out.
    assert cli("apply", "--yes").code == 0
    assert revisions(workspace) == 1


def test_many_applies_at_once_record_once(cli: Cli, workspace: Workspace, store: str) -> None:
    """The first ones on an empty ledger: tables, binding, lease and revision are all contended for."""
    records(workspace.root, ledger=store).write()
    both = [
        subprocess.Popen(
            [str(GOVCLOUD), "apply", "--yes"],
            cwd=workspace.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    ended = [(*process.communicate(timeout=120), process.returncode) for process in both]
    codes = [code for _, _, code in ended]
    assert 0 in codes and set(codes) <= {0, 5}, ended
    for _, words, code in ended:
        assert "Traceback" not in words
        assert code == 0 or words.startswith("error: "), words
    assert revisions(workspace) == 1
    assert cli("audit", "verify").code == 0
    assert cli("plan", "--detailed-exitcode").code == 0
