"""Marks for tests of the ledger that are about one store; all others run on each."""

from __future__ import annotations

import pytest

STORES = ("sqlite", "postgresql")
only_sqlite = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("store", ["postgresql"], indirect=True)
