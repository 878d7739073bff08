"""Bars on a terminal for what takes long; nothing in a pipe, and nothing with ``--json``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING

from .common import console

if TYPE_CHECKING:
    from rich.progress import Progress

# What is over sooner shows no bar. At the end of the first part, what follows may be long: less patience.
PATIENCE_S, AT_THE_END_S = 0.5, 0.1

# Called with (done, in all).
Tell = Callable[[int, int], None]


@contextmanager
def shown(what: str, then: str, *, quiet: bool) -> Iterator[Tell | None]:
    """Yield what is told how far it is, or None where nobody watches.

    ``what`` is being done while some is left, ``then`` from there to the end.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    started = time.monotonic()
    with ExitStack() as stack:
        bar: Progress | None = None

        def tell(done: int, total: int) -> None:
            nonlocal bar
            if bar is None:
                if time.monotonic() - started < (PATIENCE_S if done < total else AT_THE_END_S):
                    return
                bar = stack.enter_context(_bar())
                bar.add_task(what, total=total)
            bar.update(bar.task_ids[0], completed=done, description=what if done < total else then)

        yield tell


def _bar() -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console(stderr=True), transient=True)


def reading(*, quiet: bool) -> AbstractContextManager[Tell | None]:
    """How many of a workspace's files are read; then they are judged together."""
    return shown("reading files", "checking entries", quiet=quiet)
