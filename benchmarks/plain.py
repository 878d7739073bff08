"""The peer "plain pulumi": the same objects by our provider, as one stack and one inline program.

``python -m benchmarks.plain up|preview|refresh FOLDER [--skip-checkpoints] [--delay-ms N]
[--one-by-one]``. No ledger, no plan of ours, no runs: the engine alone with what it needs. Like our
own stacks it asks for neither outputs nor history afterwards, and starts no engine to learn its
version.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import pulumi
from pulumi import automation as auto

from govcloud import canonical, engine
from govcloud.engine.automation import Command
from govcloud.ledger.entries import uid_for
from govcloud.model.resources import TYPES
from govcloud.provider.settings import VARIABLE, ProviderSettings
from govcloud.run.actuators.engine import QuietStack

# Our provider, but that each object is read by a call of its own, as providers commonly do.
ONE_BY_ONE = """#!{python}
from govcloud.provider import server

server.GovcloudProvider._seen = lambda self, target, kind, identity: self._driver(target).read(kind, identity)
server.main()
"""


def _provider(folder: Path, one_by_one: bool) -> Path:
    """The folder of the provider's executable."""
    if not one_by_one:
        return Path(sys.executable).parent
    place = folder / "one-by-one"
    place.mkdir(exist_ok=True)
    script = place / "pulumi-resource-govcloud"
    script.write_text(ONE_BY_ONE.format(python=sys.executable))
    script.chmod(0o700)
    return place


def program(objects: list[dict[str, Any]]) -> None:
    """Declare every object; a reference is the engine's own output."""
    made: dict[str, pulumi.CustomResource] = {}
    for one in objects:
        values = {"name": one["name"], **one["inputs"]}
        values |= {field: made[name].id for field, name in one.get("refs", {}).items()}
        kind = TYPES[one["type"]]
        uid = uid_for("bench", kind.kind, one["name"], 0)
        values |= {"uid": uid, "incarnation": 1, "target": "store"}
        made[one["name"]] = pulumi.CustomResource(kind.token, uid, values)


def main() -> None:
    """One operation on the stack in a folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("operation", choices=("up", "preview", "refresh"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--skip-checkpoints", action="store_true")
    parser.add_argument("--delay-ms", type=int, default=0)
    parser.add_argument("--one-by-one", action="store_true", help="a read of the provider is a call")
    parser.add_argument("--took", type=Path, help="a file for the seconds that the engine's work took")
    options = parser.parse_args()
    folder: Path = options.folder.absolute()
    objects = json.loads((folder / "objects.json").read_text())
    (folder / "state").mkdir(exist_ok=True)
    project = {
        "name": "plain",
        "runtime": "python",
        "backend": {"url": f"file://{folder / 'state'}"},
        "plugins": {"providers": [{"name": "govcloud", "path": str(_provider(folder, options.one_by_one))}]},
    }
    (folder / "Pulumi.yaml").write_bytes(canonical.encode(project))
    store = {"driver": "store", "path": "store.db", "delay_ms": options.delay_ms}
    environment = engine.environment(folder) | {
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_CHECKPOINTS": "true" if options.skip_checkpoints else "false",
        VARIABLE: ProviderSettings("bench", str(folder), {"store": store}, 1).encode(),
    }
    binary = engine.find()
    assert binary is not None
    workspace = auto.LocalWorkspace(
        work_dir=str(folder),
        program=lambda: program(objects),
        env_vars=environment,
        pulumi_command=Command(binary),
        secrets_provider="passphrase",
    )
    began = time.monotonic()
    stack = QuietStack("plain", workspace)
    if options.operation == "up":
        stack.up(parallel=16, suppress_outputs=True, color="never")
    elif options.operation == "preview":
        stack.preview(parallel=16, color="never")
    else:
        stack.refresh(parallel=16, color="never")
    if options.took:
        options.took.write_text(str(time.monotonic() - began))


if __name__ == "__main__":
    main()
