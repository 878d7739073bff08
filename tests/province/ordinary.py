"""Commands of an ordinary user, typed by a test that may be root's."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

UID = 54_322
HERE = Path(__file__).parents[2]


def becoming(folder: Path) -> Sequence[str]:
    """The argv prefix that gives up root's rights; empty where there are none.

    The user is somebody whom the machine knows, as far as these commands can see. And Python or this
    checkout may lie where others may not go, such as root's home: in a mount namespace of the
    command's own that place is covered, and only what the program is made of shines through.
    """
    if os.geteuid() != 0:
        return []
    needed = [Path(sys.base_prefix), Path(sys.prefix), HERE]
    known = folder / "passwd"
    known.write_text(f"{Path('/etc/passwd').read_text()}somebody:x:{UID}:{UID}::{folder}/home:/bin/sh\n")
    script = ["set -e", f"mount --bind {shlex.quote(str(known))} /etc/passwd"]
    covered: dict[Path, list[Path]] = {}
    for path in needed:
        closed = next((p for p in reversed(path.parents) if not p.stat().st_mode & 0o001), None)
        if closed is not None:
            covered.setdefault(closed, []).append(path)
    for number, (closed, paths) in enumerate(covered.items()):
        aside = [folder / f"aside-{number}-{n}" for n in range(len(paths))]
        for path, kept in zip(paths, aside, strict=True):
            kept.mkdir()
            script.append(f"mount --bind {shlex.quote(str(path))} {shlex.quote(str(kept))}")
        script.append(f"mount -t tmpfs -o mode=755 tmpfs {shlex.quote(str(closed))}")
        for path, kept in zip(paths, aside, strict=True):
            script.append(f"mkdir -p {shlex.quote(str(path))}")
            script.append(f"mount --bind {shlex.quote(str(kept))} {shlex.quote(str(path))}")
    setpriv = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--"]
    script.append(f'exec {shlex.join(setpriv)} "$@"')
    prefix = ["unshare", "--mount", "--propagation", "private", "sh", "-c", "\n".join(script), "sh"]
    tried = subprocess.run([*prefix, sys.executable, "-c", "import govcloud"], capture_output=True, text=True)
    assert tried.returncode == 0, tried.stderr
    return prefix
