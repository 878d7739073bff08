"""``govcloud init``: make a workspace, from a sample if wanted."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path

import click
import msgspec

from .. import share
from ..errors import GovcloudError, InputError, Problem
from ..workspace import SETTINGS, Settings, read_settings
from .common import console, emit, json_option, nearest
from .completing import complete_sample

EMPTY = """\
# A workspace of govcloud. `govcloud validate` reads every file below it, `plan` shows the difference.
version: 1
environment: {environment}
"""
IGNORE = "# The ledger, the engine's state and other private files.\n.govcloud/\n"
INVENTORY = Path("inventory.sh")
# Plain Ansible works with it: `ansible -i inventory.sh all -m ping`.
INVENTORY_TEXT = """\
#!/bin/sh
# The ledger as a dynamic inventory: `ansible -i inventory.sh all -m ping`.
exec "${GOVCLOUD:-govcloud}" -C "$(dirname "$0")" inventory "$@"
"""
NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
# So many names in a sentence, then only their number.
FEW = 8


@click.command()
@click.argument("directory", metavar="[DIR]", default=".")
@click.option(
    "--sample",
    metavar="NAME",
    shell_complete=complete_sample,
    help="Start from a sample; an unknown name lists them.",
)
@click.option("--environment", metavar="ENV", help="The environment's name (the sample's own, or lab).")
@json_option
def init(directory: str, sample: str | None, environment: str | None, as_json: bool) -> None:
    """Make a workspace in DIR: settings, the stacks and playbooks, and a sample's files if wanted.

    Writes only where nothing is: a file that exists stops it before the first is written.
    """
    chosen = _sample(sample)
    if environment is not None and not NAME.fullmatch(environment):
        wanted = "a small letter, then up to 30 of a-z, 0-9 and -"
        raise InputError([Problem(f"--environment {environment!r}: expected {wanted}")])
    root = Path(directory)
    copies = _copies(chosen)
    texts = {Path(SETTINGS): _settings(chosen, environment), INVENTORY: INVENTORY_TEXT}
    # A repository that is already here may have its own idea of what to ignore.
    if not (root / ".gitignore").exists():
        texts[Path(".gitignore")] = IGNORE
    _refuse(root, [*texts, *copies])
    _write(root, copies, texts)
    settings = read_settings(root / SETTINGS)
    _tell(root, chosen, settings, [*texts, *copies], as_json)


def _sample(name: str | None) -> share.Sample | None:
    if name is None:
        return None
    known = share.samples()
    if name in known:
        return known[name]
    guess = nearest(name, known)
    mean = f"did you mean {guess!r}?" if guess else ""
    listed = "; ".join(f"{s.name} ({s.title})" for s in known.values()) or "none is installed"
    raise InputError([Problem(f"--sample {name!r}: no such sample", hint=mean)], hint=f"samples: {listed}")


def _copies(sample: share.Sample | None) -> dict[Path, Path]:
    """What to copy: place in the workspace -> where it is shipped. Settings are written apart."""
    result: dict[Path, Path] = {}
    for name in (share.STACKS, share.PLAYBOOKS):
        folder = share.shipped(name)
        result |= {Path(name) / path: folder / path for path in share.files(folder)}
    if sample:
        result |= {path: sample.folder / path for path in share.files(sample.folder)}
        result.pop(Path(SETTINGS))
    return result


def _settings(sample: share.Sample | None, environment: str | None) -> str:
    """The text of ``govcloud.yaml``: the sample's own with its comments, under the wanted name."""
    if sample is None:
        return EMPTY.format(environment=environment or "lab")
    text = (sample.folder / SETTINGS).read_text(encoding="utf-8")
    if environment is not None:
        text = re.sub(r"^environment:.*$", f"environment: {environment}", text, count=1, flags=re.MULTILINE)
    return text


def _refuse(root: Path, wanted: list[Path]) -> None:
    """Stop where a file would be overwritten, or where no folder can be."""
    for folder in (root, *root.absolute().parents):
        if folder.exists():
            if not folder.is_dir():
                raise InputError([Problem(f"{folder} is a file, so no workspace can be in it")])
            break
    there = [str(path) for path in sorted(wanted) if os.path.lexists(root / path)]
    if there:
        more = f" and {len(there) - FEW} more" if len(there) > FEW else ""
        raise InputError(
            [Problem(f"{', '.join(there[:FEW])}{more} already there; nothing was written", str(root))],
            hint="choose an empty folder, or move these away",
        )


def _write(root: Path, copies: dict[Path, Path], texts: dict[Path, str]) -> None:
    """Write all of it, or nothing: at a failure what was written is taken away again."""
    written: list[Path] = []
    try:
        for place, source in copies.items():
            target = _open_place(root / place, written)
            shutil.copyfile(source, target)
            target.chmod(target.stat().st_mode | (source.stat().st_mode & 0o111))
        # The settings come last: a folder is a workspace only when it is complete.
        for place, text in sorted(texts.items(), key=lambda item: item[0] == Path(SETTINGS)):
            _open_place(root / place, written).write_text(text, encoding="utf-8")
        (root / INVENTORY).chmod(0o755)
    except OSError as error:
        for path in reversed(written):
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink(missing_ok=True)
        where = error.filename or root
        raise GovcloudError(f"{where}: {error.strerror or error}; nothing is left of it") from None


def _open_place(target: Path, written: list[Path]) -> Path:
    """Make the folders above a file; note each new one, and the file."""
    missing = [folder for folder in (target.parent, *target.parent.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir()
        written.append(folder)
    written.append(target)
    return target


def _tell(
    root: Path, sample: share.Sample | None, settings: Settings, files: list[Path], as_json: bool
) -> None:
    where = str(root)
    step = "govcloud" if root.absolute() == Path.cwd() else f"govcloud -C {shlex.quote(where)}"
    steps = [f"{step} validate", f"{step} plan", f"{step} apply"]
    if as_json:
        document = {
            "workspace": str(root.absolute()),
            "environment": settings.environment,
            "sample": sample.name if sample else None,
            "files": sorted(str(path) for path in files),
            "next": steps,
            "settings": msgspec.to_builtins(settings),
        }
        emit(document)
        return
    out = console()
    origin = f"{sample.title} (sample {sample.name})" if sample else "empty"
    out.print(
        f"workspace {where}, environment {settings.environment}: {origin}, {len(files)} files", markup=False
    )
    if sample is None:
        known = ", ".join(share.samples())
        out.print(f"put YAML and CSV files into it; `--sample` starts from one of: {known}", markup=False)
    out.print("next:")
    for line in steps:
        out.print(f"  {line}", markup=False)
