"""What stages run, by digest: the programs of stacks and the folder of playbooks."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass

from .. import canonical, share
from ..workspace import Workspace
from .desired import DOMAINS
from .stages import Move, Plan, Stack


@dataclass(frozen=True)
class Programs:
    """``stacks``: digest by domain; ``playbook``: digest of the folder; ``contents``: bytes by digest."""

    stacks: Mapping[str, str]
    playbook: str
    contents: Mapping[str, bytes]

    def of(self, plan: Plan) -> dict[str, bytes]:
        """What a plan names."""
        named = {stage.program for stage in plan.stages if isinstance(stage, Stack)}
        moves = [stage for stage in plan.stages if isinstance(stage, Move)]
        named |= {holding.program for stage in moves for holding in stage.holdings}
        if any(stage.kind == "play" for stage in plan.stages):
            named.add(self.playbook)
        return {digest: self.contents[digest] for digest in named}


def programs(workspace: Workspace) -> Programs:
    """Those of the workspace, or where it has none the program's own."""
    folder = share.stacks_dir(workspace)
    stacks, contents = {}, {}
    for domain in DOMAINS:
        content = (folder / f"{domain}.py").read_bytes()
        stacks[domain] = canonical.digest_bytes(content)
        contents[stacks[domain]] = content
    archive = _playbooks(workspace)
    playbook = canonical.digest_bytes(archive)
    return Programs(stacks, playbook, contents | {playbook: archive})


def _playbooks(workspace: Workspace) -> bytes:
    """The playbook folder as one archive; equal folders give equal bytes."""
    folder = share.playbooks_dir(workspace)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in share.files(folder):
            info = tarfile.TarInfo(str(path))
            content = (folder / path).read_bytes()
            info.size = len(content)
            info.mode = 0o600
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()
