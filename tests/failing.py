"""Reading a failure as the operator does who has nothing but the terminal."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Cli = Callable[..., Any]
# What belongs to programs and not to people.
MACHINERY = re.compile(
    r"Traceback|File \"|grpc|RunError|an unhandled error|stderr:|stdout:|\*always\*|object at 0x|<class ",
    re.I,
)


@dataclass(frozen=True)
class Failure:
    """A run that failed, as its lines say it."""

    stage: str
    words: str
    done: tuple[str, ...]
    not_done: tuple[str, ...]
    hint: str
    next: str


def read(result: Any) -> Failure:
    """What a run's plain lines tell; fails where something that an operator needs is not told."""
    text = result.out
    assert result.code == 1, result
    assert not MACHINERY.search(text), result
    stage = re.search(r"^  (\S+): failed in [\d.]+ s$", text, re.MULTILINE)
    assert stage, result
    own = [line[6:] for line in _below(text[stage.end() :])]
    said = {key: _after(own, key) for key in ("done: ", "not done: ", "hint: ")}
    words = [line for line in own if not line.startswith(tuple(said))]
    assert words, result
    following = re.search(r"^next: (govcloud .+)$", text, re.MULTILINE)
    assert following, result
    names = {key: tuple(n for n in said[key].split(", ") if n) for key in ("done: ", "not done: ")}
    return Failure(
        stage[1], "\n".join(words), names["done: "], names["not done: "], said["hint: "], following[1]
    )


def _below(text: str) -> list[str]:
    """The lines that are further in than the stage's own."""
    found: list[str] = []
    for line in text.lstrip("\n").splitlines():
        if not line.startswith("      "):
            break
        found.append(line)
    return found


def _after(lines: list[str], key: str) -> str:
    return next((line.removeprefix(key) for line in lines if line.startswith(key)), "")


def sentence(result: Any, code: int) -> tuple[str, str]:
    """(error, hint) of a command that was refused or could not begin."""
    assert result.code == code, result
    assert not MACHINERY.search(result.err), result
    error = re.search(r"^error: (.+)$", result.err, re.MULTILINE)
    assert error, result
    hint = re.search(r"^hint: (.+)$", result.err, re.MULTILINE)
    return error[1], hint[1] if hint else ""


def goes_on(cli: Cli, place: Any, failure: Failure) -> None:
    """What was to be typed next is typed, and everything is there."""
    words = failure.next.split()[1:]
    again = cli(*words, *(["--yes"] if words[0] == "apply" else []), cwd=place.root)
    assert again.code == 0, again
    assert set(place.objects()) == place.wanted()
    assert cli("plan", "--detailed-exitcode", cwd=place.root).code == 0
