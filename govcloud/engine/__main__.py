"""``python -m govcloud.engine``: see that the engine is there, and say what is done for it."""

from __future__ import annotations

import sys

from ..errors import Exit, GovcloudError
from . import ensure


def main() -> int:
    """Build the engine where it is missing. Exit code 0 when it is there."""
    try:
        if sys.stderr.isatty():
            _with_bar()
        else:
            ensure(_say)
    except GovcloudError as error:
        _say(f"error: {error.message}")
        if error.hint:
            _say(f"hint: {error.hint}")
        return int(error.exit_code)
    except KeyboardInterrupt:
        _say("stopped; `python -m govcloud.engine` goes on where this stopped")
        return 130
    return int(Exit.OK)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _with_bar() -> None:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<17}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with Progress(*columns, console=console, transient=True) as bar:
        tasks: dict[str, object] = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done)  # type: ignore[arg-type]

        ensure(lambda line: bar.console.print(line, markup=False), progress)


sys.exit(main())
