"""Why a message did not get to its receiver."""

from __future__ import annotations


class Trouble(Exception):
    """It may get there later: nobody answered, or the receiver had trouble of its own."""


class Refused(Exception):
    """The receiver will not have it, whenever it comes: somebody has to put something right."""
