"""Prompts of H3C Comware."""

from __future__ import annotations

from govcloud.devices.session import ComwareTerminal


class TerminalModule(ComwareTerminal):
    """By this name Ansible finds it."""
