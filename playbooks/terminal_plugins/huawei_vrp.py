"""Prompts of Huawei VRP."""

from __future__ import annotations

from govcloud.devices.session import VrpTerminal


class TerminalModule(VrpTerminal):
    """By this name Ansible finds it."""
