"""`govcloud schema`: what files may say, for editors and other programs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from ..errors import GovcloudError, InputError, Problem
from .common import emit, json_option
from .completing import complete_kind

# Fields of `govcloud.yaml`: Chinese title, English sentence.
SETTINGS = {
    "version": ("版本", "Version of this file's format."),
    "environment": ("环境", "Name of the environment: one ledger, one state, one set of layers."),
    "language": ("语言", "Language of what is written to people."),
    "ledger": ("账本", "URL of the ledger: `sqlite:///FILE` from the workspace on, or PostgreSQL."),
    "state": ("状态存储", "URL where Pulumi keeps its state: `file://FOLDER` from the workspace on."),
    "layers": ("层", "Layers in force, in rising rank; each has its files in `layers/NAME/`."),
    "workspace": ("工作区名", "A name of its own, where several workspaces feed one ledger."),
    "production": ("生产环境", "Every plan needs signatures, for good: the ledger keeps it."),
    "secrets": ("密钥设置", "Where the passphrase of the state, the key of versions and the vault are."),
    "anchors": ("锚点", "Folders that get a copy of every signed head of the audit trail."),
    "audit_key": (
        "审计密钥",
        "The key that signs heads: a private key's file, its .pub, or one in an agent.",
    ),
    "stack_size": ("资源栈容量", "A stack is closed to new entries when it holds so many."),
    "parallel": ("并行数", "The most stages that run at once."),
    "forks": ("并发主机数", "The most hosts that one play talks to at once."),
    "stacks": ("自有资源栈", "Pulumi programs of the site's own, beside the shipped ones."),
    "notify": ("通知渠道", "Webhooks and mail boxes, and what each is told."),
    "log": ("日志文件", "File that gets every event of a run, as JSON lines."),
    "log_mib": ("日志大小", "Size at which the log is put aside, MiB."),
    "log_files": ("日志份数", "How many logs that were put aside are kept."),
}


@click.command()
@click.argument("kind", required=False, shell_complete=complete_kind)
@click.option("--settings", "of_settings", is_flag=True, help="Of govcloud.yaml.")
@click.option("--overlay", is_flag=True, help="Of files in layers/, where `$delete` removes.")
@click.option("--required", is_flag=True, help="Every entry stands whole in one file: required fields are.")
@click.option(
    "--out", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Write it there."
)
@json_option
def schema(
    kind: str | None, of_settings: bool, overlay: bool, required: bool, out: Path | None, as_json: bool
) -> None:
    """Write the JSON Schema of a workspace's files, or of those that hold entries of one KIND.

    An editor with the YAML language server completes and checks by it (docs/kinds.md).
    """
    if of_settings and (kind or overlay or required):
        raise InputError(
            [Problem("--settings is about govcloud.yaml alone: no KIND, --overlay or --required")]
        )
    if overlay and required:
        raise InputError([Problem("--overlay and --required: a layer's file says what differs, not all")])
    if of_settings:
        document = settings_schema()
    else:
        from ..model.schema import file_schema
        from .viewing import kind_named

        document = file_schema([kind_named(kind)] if kind else None, required=required, overlay=overlay)
    text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise GovcloudError(f"{out}: {error.strerror or error}") from None
    if as_json:
        emit({"file": str(out), "bytes": len(text.encode())})
    else:
        click.echo(f"wrote {out}")


def settings_schema() -> dict[str, Any]:
    """The JSON Schema of ``govcloud.yaml``."""
    import msgspec

    from ..model.schema import DIALECT
    from ..workspace import Settings

    (_, parts) = msgspec.json.schema_components([Settings], ref_template="#/$defs/{name}")
    found = parts["Settings"]
    for name, one in found["properties"].items():
        one["title"], one["description"] = SETTINGS.get(name, ("", ""))
        if one.get("default") in ("", []):
            del one["default"]
    return {
        "$schema": DIALECT,
        "title": "govcloud.yaml",
        "description": "Settings of a govcloud workspace.",
        "type": "object",
        "properties": found["properties"],
        "required": found["required"],
        "additionalProperties": False,
    }
