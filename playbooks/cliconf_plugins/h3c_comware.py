"""Configurations of H3C Comware."""

from __future__ import annotations

from govcloud.devices.session import ComwareCliconf

DOCUMENTATION = """
author: govcloud
name: h3c_comware
short_description: H3C Comware, difference by difference
description:
  - Types only what leads from the running configuration to the wanted one, within what the ledger names.
"""


class Cliconf(ComwareCliconf):
    """By this name Ansible finds it."""
