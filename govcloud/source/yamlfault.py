"""The YAML parser's complaints, in words that help."""

from __future__ import annotations

import re

import yaml

from .claims import Fault
from .texts import text_of

_LINE_END = re.compile("\\r\\n|[\\r\\n\\x85\\u2028\\u2029]")  # as YAML counts lines
_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def syntax_fault(error: yaml.MarkedYAMLError, data: bytes) -> Fault:
    """What the parser stopped at, with what most often is the reason."""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    problem = error.problem or "not readable as YAML"
    message = f"{error.context}: {problem}" if error.context else problem
    hint = ""
    # The parser may stop one line behind the one that it cannot read.
    near = _LINE_END.split(text_of(data))[max(line - 2, 0) : line]
    if any("\t" in text[: len(text) - len(text.lstrip())] for text in near):
        message, hint = "a tab stands here", "YAML is indented with spaces"
    elif "mapping values are not allowed" in problem:
        hint = "a text with `: ` in it is written in quotes; else check the indentation"
    elif "expected <block end>" in problem or "could not find expected ':'" in problem:
        hint = "check the indentation, and the colon behind each key"
    return Fault(f"not YAML: {message}", hint, line=line, column=column)


def character_fault(error: yaml.YAMLError, data: bytes) -> Fault:
    """A character that YAML does not have; the parser tells no place, so it is looked for."""
    text = text_of(data)
    found = _UNPRINTABLE.search(text)
    if found is None:
        return Fault(f"not YAML: {getattr(error, 'reason', error)}", line=1, column=1)
    start = text.rfind("\n", 0, found.start()) + 1
    line = text.count("\n", 0, found.start()) + 1
    message = f"the character U+{ord(found.group()):04X} cannot stand in YAML"
    return Fault(message, line=line, column=found.start() - start + 1)
