"""A checkout that does not hold what was last accepted must not undo it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ..errors import ConflictError

# What a plan reads in a workspace.
DECLARING = (".yaml", ".yml", ".csv", ".xlsx", ".j2")


def commit_of(root: Path, last: str | None) -> str:
    """The workspace's commit, empty where there is none.

    Raises ``ConflictError`` where ``last``, the accepted one, is not in its past.
    """
    head, words = _git(root, "rev-parse", "HEAD")
    if last is None or head == last:
        return head or ""
    if head is None:
        raise ConflictError(
            f"the last accepted files were commit {last[:10]}, and git cannot tell whether these "
            f"hold it: {words}",
            hint="apply from a clone that has that commit",
        )
    if _git(root, "merge-base", "--is-ancestor", last, head)[0] is None:
        raise ConflictError(
            f"this checkout ({head[:10]}) does not hold the last accepted commit ({last[:10]}): "
            "applying it would undo colleagues' work",
            hint="`git pull` first, then plan again",
        )
    return head


def uncommitted(root: Path) -> list[str]:
    """Files of the workspace that differ from its commit or are not in it; none where there is no git."""
    told, _ = _git(root, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", ".")
    return [one[3:] for one in (told or "").split("\0") if one[3:].endswith(DECLARING)]


def _git(root: Path, *args: str) -> tuple[str | None, str]:
    """(what git says, or None where it fails; why it fails)."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *args], capture_output=True, text=True, timeout=20, check=False
        )
    except FileNotFoundError:
        return None, "git is not installed"
    except subprocess.TimeoutExpired:
        return None, "git did not answer"
    words = (done.stderr.strip().splitlines() or ["it gives no reason"])[0]
    return (done.stdout.rstrip("\n"), "") if done.returncode == 0 else (None, words)
