"""What the runner tells the provider process: one environment variable with JSON, no secrets."""

from __future__ import annotations

import os
from typing import Any

import msgspec

VARIABLE = "GOVCLOUD_PROVIDER"


class ProviderSettings(msgspec.Struct, frozen=True):
    """Environment, workspace folder, targets by name (their fields), and the run's fencing token.

    ``orders``: the file that says what may be done (``orders.Orders``); without one, anything.
    """

    environment: str
    workspace: str
    targets: dict[str, dict[str, Any]]
    fence: int
    orders: str = ""

    def encode(self) -> str:
        """As the environment variable carries it."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_environment(cls) -> ProviderSettings:
        """Raises ``KeyError`` where the process was not started by the program."""
        return msgspec.json.decode(os.environ[VARIABLE], type=cls)
