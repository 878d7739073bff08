"""What is wrong with what a reader may not see in full is told without the names that they may not read."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from ..errors import GovcloudError, InputError
from .common import App

if TYPE_CHECKING:
    from ..ledger.entries import Key

P = ParamSpec("P")
R = TypeVar("R")
# Kinds whose names stand alone in sentences, for they are hosts.
HOSTS = ("instance", "node", "server")


def redacted(command: Callable[Concatenate[App, P], R]) -> Callable[Concatenate[App, P], R]:
    """A command whose errors name nothing that its reader may not see.

    It judges more than they see: who may carry a wave out need not be one who may read all names.
    """

    @wraps(command)
    def run(app: App, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(app, *args, **kwargs)
        except GovcloudError as error:
            if hidden := _hidden(app):
                _redact(error, hidden)
            raise

    return run


def _hidden(app: App) -> list[Key]:
    """(kind, name) of all that this process's reader may not see."""
    from ..access import sight
    from ..ledger import entries, open_ledger

    ledger = open_ledger(app.workspace)
    with ledger.read() as connection:
        uids = sight(app.workspace, ledger, connection)
        if not uids:
            return []
        return [key for key, entry in entries.current(connection).items() if entry.uid in uids]


def _redact(error: GovcloudError, hidden: list[Key]) -> None:
    from ..plan.veil import VEIL

    words = [f"{kind}/{name}" for kind, name in hidden]
    words += [name for kind, name in hidden if kind in HOSTS]
    # The longest first; a name ends where another letter, digit or dash would go on with it.
    known = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    names = re.compile(rf"(?<![\w/.-])(?:{known})(?![\w-]|\.\w)")

    def without(text: str) -> str:
        return names.sub(VEIL, text)

    error.message, error.hint = without(error.message), without(error.hint)
    error.args = (error.message,)
    if isinstance(error, InputError):
        error.problems = [
            dataclasses.replace(one, message=without(one.message), hint=without(one.hint))
            for one in error.problems
        ]
