"""The ledger: what was accepted, what was built, what was seen, and the proof.

``open_ledger`` gives a ``Ledger``; the modules beside it hold functions that take one of its
connections: ``entries`` (claims and accepted), ``building`` (applied, observed, intents),
``runs``, ``evidence``, ``audit``, ``leases``.
"""

from .store import Ledger, open_ledger

__all__ = ["Ledger", "open_ledger"]
