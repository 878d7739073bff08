"""Fixtures of tests about people and what they may do."""

from __future__ import annotations

from tests.access.office import locked, office

__all__ = ["locked", "office"]
