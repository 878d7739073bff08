"""A run's courier: a thread for each channel, which nobody waits for longer than the policy says.

Cheap to import: what is needed to send anything is imported where there is a channel, in its thread.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..channels import Channel
from ..errors import GovcloudError
from ..ledger import Ledger
from ..printable import visible
from ..workspace import Workspace
from .policy import patience

# Seconds between two looks into the outbox while a run goes on.
LOOK = 30.0


@contextmanager
def courier(workspace: Workspace, ledger: Ledger) -> Iterator[None]:
    """Deliver while something goes on, and for ``linger_s`` after it; nothing of this fails it."""
    if not workspace.settings.notify:
        yield
        return
    over = threading.Event()
    threads = [
        threading.Thread(
            target=_carry, args=(workspace, ledger, channel, over), name=f"notify-{channel.name}", daemon=True
        )
        for channel in workspace.settings.notify
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        end = time.monotonic() + _linger(ledger)
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))


def _carry(workspace: Workspace, ledger: Ledger, channel: Channel, over: threading.Event) -> None:
    """One channel's thread: now, from time to time, and once more when it is over."""
    from ..secrets.redaction import clean
    from .delivery import deliver

    last, told = False, ""
    while not last:
        last = over.is_set()
        try:
            deliver(workspace, ledger, channel)
        except GovcloudError:
            # The ledger is busy or gone, or the policy is wrong: what is in the outbox stays there, and
            # whoever asks for it (`notify retry`) is told.
            pass
        except Exception as error:
            # A defect: said in a line, and the next look is another try.
            words = clean(f"channel {channel.name}: unexpected {type(error).__name__}: {error}")
            if words != told:
                sys.stderr.write(f"{visible(words)}\n")
                told = words
        if not last:
            over.wait(LOOK)


def _linger(ledger: Ledger) -> float:
    try:
        with ledger.read() as connection:
            return patience(connection).linger_s
    except GovcloudError:
        return 0.0
