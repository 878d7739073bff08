"""What is wrong in a stack's program, as an operator wants to read it."""

from __future__ import annotations

import traceback


def fault(file: str, error: BaseException) -> str:
    """What is wrong in a program, with its place there: ``stacks/NAME.py:LINE: TYPE: words``."""
    if isinstance(error, SyntaxError):
        return f"{file}:{error.lineno}: {error.msg}"
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    place = f"{file}:{lines[-1]}" if lines else file
    return f"{place}: {type(error).__name__}: {error}"
