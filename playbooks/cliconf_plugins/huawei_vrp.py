"""Configurations of Huawei VRP."""

from __future__ import annotations

from govcloud.devices.session import VrpCliconf

DOCUMENTATION = """
author: govcloud
name: huawei_vrp
short_description: Huawei VRP, difference by difference
description:
  - Types only what leads from the running configuration to the wanted one, within what the ledger names.
"""


class Cliconf(VrpCliconf):
    """By this name Ansible finds it."""
