"""What every command shares: the workspace, ``--json``, how results and errors are shown."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import Exit, GovcloudError, InputError, Problem
from ..printable import visible

if TYPE_CHECKING:
    from rich.console import Console

    from ..workspace import Workspace

F = TypeVar("F", bound=Callable[..., Any])


class App:
    """The state of one invocation, made before any command and passed to each."""

    def __init__(self, directory: str | None, log: str | None = None) -> None:
        self.directory = directory
        self.log = log
        self._workspace: Workspace | None = None
        # Whatever the command is: what it starts has no business with who typed it.
        _withdraw({"GOVCLOUD_TOKEN", "PULUMI_CONFIG_PASSPHRASE"})

    @property
    def workspace(self) -> Workspace:
        """The workspace, read on first use. Raises ``InputError`` where there is none."""
        if self._workspace is None:
            from ..workspace import open_workspace

            self._workspace = open_workspace(self.directory)
            _withdraw({r.variable for r in self._workspace.settings.secrets.references().values()})
            if self.log is not None:
                # Said on the command line, it is meant from where one stands.
                self._workspace.settings.log = str(Path(self.log).absolute())
        return self._workspace


def _withdraw(names: set[str]) -> None:
    """Take secrets out of the environment before anything starts a child; they stay known here."""
    there = names & os.environ.keys()
    if there:
        from ..secrets.resolving import withdraw

        for name in there:
            withdraw(name)


def json_option(function: F) -> F:
    """The ``--json`` option, passed as ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Write JSON instead of text.")(function)


def yes_option(function: F) -> F:
    """The ``--yes`` option, passed as ``yes``."""
    return click.option("--yes", "-y", is_flag=True, help="Do not ask.")(function)


def plan_out_option(function: F) -> F:
    """``--out`` of what makes a plan and carries it out otherwise, passed as ``out``."""
    kind = click.Path(path_type=Path, dir_okay=False)
    return click.option("--out", type=kind, metavar="FILE", help="Write the plan to FILE and stop.")(function)


def console(stderr: bool = False) -> Console:
    """A Rich console for people; plain text where the output is not a terminal."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True)


# What may stand in a message beside letters.
LINES = "\n\t"
# With --json these write an object a line as they go on; an error of theirs is a line too.
EVENT_COMMANDS = frozenset(
    {"apply", "destroy", "resume", "adopt", "forget", "repair", "undo", "run", "rollback"}
    | {"release", "renew", "transfer", "tick"}
)


def emit(value: Any, *, as_line: bool = False) -> None:
    """Write one JSON document to standard output, indented unless ``as_line``."""
    import msgspec

    indent = None if as_line else 2
    # In any other encoding JSON's own escapes keep every character.
    plain = not (sys.stdout.encoding or "utf-8").lower().replace("_", "-").startswith("utf-")
    sys.stdout.write(json.dumps(msgspec.to_builtins(value), ensure_ascii=plain, indent=indent) + "\n")


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The nearest of ``words``, or None where nothing is near."""
    from ..report.nearest import nearest

    return nearest(word, words)


def show_error(error: GovcloudError) -> None:
    """Tell an error on standard error: every problem with its place, then what to type next."""
    lines: list[str] = []
    if isinstance(error, InputError):
        lines += [f"error: {visible(str(problem), keep=LINES)}" for problem in error.problems]
        if len(error.problems) > 1:
            lines.append(f"{error.message}; nothing was written")
    else:
        # An engine's own words have lines.
        lines.append(f"error: {visible(error.message, keep=LINES)}")
    if error.hint:
        lines.append(f"hint: {visible(error.hint, keep=LINES)}")
    sys.stderr.write("\n".join(lines) + "\n")


def error_document(error: GovcloudError) -> dict[str, Any]:
    """An error as the JSON that ``--json`` writes."""
    document: dict[str, Any] = {
        "error": error.message,
        "exit_code": int(error.exit_code),
        "hint": error.hint,
    }
    if isinstance(error, InputError):
        document["problems"] = [
            {"path": p.path, "line": p.line, "column": p.column, "message": p.message, "hint": p.hint}
            for p in error.problems
        ]
    return document


@contextmanager
def unwatched() -> Iterator[None]:
    """What is written inside may find no reader any more (head, less); what comes after goes on."""
    try:
        yield
    except (BrokenPipeError, SystemExit):  # click and Rich leave where they find nobody
        _nobody_reads()


def _nobody_reads() -> None:
    # Python's own exit writes what is left, and must find somewhere to write it.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run_safely(command: click.Command, argv: list[str]) -> int:
    """Run the command line; every error becomes a sentence and an exit code, never a traceback."""
    _write_anything()
    try:
        _require_text(argv)
        result = command.main(args=argv, prog_name="govcloud", standalone_mode=False)
        with unwatched():
            sys.stdout.flush()
        return result if isinstance(result, int) else int(Exit.OK)
    except click.ClickException as error:
        if _wants_json(argv):
            _emit_error(InputError([Problem(error.format_message())], hint=_usage(error)), argv)
        error.show()
        return int(Exit.INPUT)
    except click.exceptions.Abort:
        sys.stderr.write("stopped\n")
        return 130
    except GovcloudError as error:
        return _fail(error, argv)
    except (BrokenPipeError, SystemExit):  # click leaves by SystemExit where nobody reads
        _nobody_reads()
        return int(Exit.OK)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(GovcloudError(f"{where}{error.strerror or error}"), argv)
    except Exception as error:
        return _fail(_defect(error), argv)


def _fail(error: GovcloudError, argv: list[str]) -> int:
    # Where secrets were fetched, no error says one: an engine or a command may have put it there.
    redaction = sys.modules.get("govcloud.secrets.redaction")
    if redaction is not None:
        error.message = redaction.clean(error.message)
    if _wants_json(argv):
        _emit_error(error, argv)
    show_error(error)
    return int(error.exit_code)


def _write_anything() -> None:
    """What the output's encoding lacks (GBK has no ✓, ASCII no 机柜) is written as ``\\u2713``."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _require_text(argv: list[str]) -> None:
    """Raises ``InputError`` for an argument that is no UTF-8: Python hands it on as halves of surrogates,
    which neither the ledger nor JSON can hold."""
    wrong = [argument for argument in argv if any("\ud800" <= c <= "\udfff" for c in argument)]
    if wrong:
        raise InputError(
            [Problem(f"the argument {os.fsencode(one)!r} is not UTF-8") for one in wrong],
            hint="type it on a terminal that writes UTF-8; a folder's name can be changed with convmv",
        )


def _wants_json(argv: list[str]) -> bool:
    # What comes after "--" is said to another program (`lab exec`).
    return "--json" in (argv[: argv.index("--")] if "--" in argv else argv)


def _emit_error(error: GovcloudError, argv: list[str]) -> None:
    with unwatched():
        emit(error_document(error), as_line=bool(EVENT_COMMANDS.intersection(argv)))
        sys.stdout.flush()


def _usage(error: click.ClickException) -> str:
    """What to type to know more, as click says it of its own accord for people."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"`{context.command_path} --help` tells what it takes" if context is not None else ""


def _defect(error: Exception) -> GovcloudError:
    """A defect of the program as a sentence; the trace goes to a file that its owner alone may read."""
    import tempfile
    import traceback

    handle, path = tempfile.mkstemp(prefix="govcloud-defect-", suffix=".log")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("".join(traceback.format_exception(error)))
    return GovcloudError(
        f"a defect of the program: {type(error).__name__}: {error}",
        hint=f"the trace is in {path}; please report it with what you typed",
    )
