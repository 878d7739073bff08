"""Errors that people read, and the exit codes of the program (one table, design.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum


class Exit(IntEnum):
    """What the program's exit code says."""

    OK = 0
    FAILED = 1
    INPUT = 2
    CHANGES = 3
    DENIED = 4
    CONFLICT = 5
    PARKED = 6


class GovcloudError(Exception):
    """Something that the user can be told in a sentence. ``hint`` says what to type next."""

    exit_code: Exit = Exit.FAILED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConflictError(GovcloudError):
    """Somebody else holds the lease, or the base has moved."""

    exit_code = Exit.CONFLICT


class DeniedError(GovcloudError):
    """A rule or a missing approval stands against it."""

    exit_code = Exit.DENIED


@dataclass(frozen=True)
class Problem:
    """One thing wrong with the input: where (file, 1-based line and column) and what."""

    message: str
    path: str = ""
    line: int = 0
    column: int = 0
    hint: str = ""

    def place(self) -> str:
        """``file:line:column``, as far as it is known."""
        parts = [self.path] if self.path else []
        if self.line:
            parts.append(str(self.line))
            if self.column:
                parts.append(str(self.column))
        return ":".join(parts)

    def __str__(self) -> str:
        place = self.place()
        text = f"{place}: {self.message}" if place else self.message
        return f"{text} ({self.hint})" if self.hint else text


class InputError(GovcloudError):
    """The input is wrong; holds every problem found, in the order of the files."""

    exit_code = Exit.INPUT

    def __init__(self, problems: Sequence[Problem], *, hint: str = "") -> None:
        self.problems = list(problems)
        count = len(self.problems)
        super().__init__(f"{count} problem{'s' if count != 1 else ''} in the input", hint=hint)
