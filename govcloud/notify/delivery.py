"""From the outbox to the channels: outside of any transaction, as often as it takes, never in a run's way.

What is left is taken along by later commands, and by ``govcloud notify retry``. A message may come twice
(its sender died before it wrote down that it was sent); its id is the same.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from ..channels import Channel
from ..errors import GovcloudError
from ..ledger import Ledger, clearances, leases, outbox, runs
from ..ledger.outbox import Delivery, Notice
from ..printable import visible
from ..secrets.redaction import clean
from ..secrets.resolving import Resolver
from ..workspace import Workspace
from . import mail, messages, webhook
from .policy import Patience, patience
from .trouble import Refused, Trouble
from .veil import Veil

T = TypeVar("T")
# A message is tried again by others when whoever had it in hand was silent for so many of its time limits.
CLAIMS = 3


class Sent(msgspec.Struct, frozen=True):
    """How one try went."""

    notice: str
    channel: str
    status: str
    words: str


def document(notice: Notice, body: dict[str, Any], environment: str) -> dict[str, Any]:
    """What a webhook gets: the keys that docs/notifications.md tells."""
    at = datetime.fromtimestamp(notice.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "id": notice.id,
        "event": notice.event,
        "at": at,
        "environment": environment,
        "run": notice.run,
        **body,
    }


def text(notice: Notice, body: dict[str, Any], environment: str) -> tuple[str, str]:
    """(subject, text) of a mail."""
    lines = [visible(body["title"]), "", *(visible(line) for line in body["words"])]
    if body["subjects"]:
        more = f" and {body['more']} more" if body["more"] else ""
        lines += ["", f"concerns: {', '.join(map(visible, body['subjects']))}{more}"]
    if body["next"]:
        lines += ["", f"next: {body['next']}"]
    return visible(f"[govcloud {environment}] {body['title']}"), "\n".join(lines) + "\n"


def deliver_one(workspace: Workspace, ledger: Ledger, channel: Channel, notice: str) -> list[Sent]:
    """Send a channel one notice, and nothing else that waits."""
    return deliver(workspace, ledger, channel, only=notice)


def deliver(
    workspace: Workspace, ledger: Ledger, channel: Channel, *, everything: bool = False, only: str = ""
) -> list[Sent]:
    """Send a channel what is due, oldest first; ``everything``: also what is due later or was given up.

    After the first that nobody answers, the others of this channel wait for its next turn as well; not
    after one that cannot be put into words or on the wire, which says nothing of those behind it.
    """
    with ledger.read() as connection:
        found = outbox.due(connection, channel.name, now=time.time(), everything=everything)
        if not found:
            return []
        policy = patience(connection)
        veil = None if channel.classified else Veil(connection)
    out: list[Sent] = []
    for notice, delivery in found:
        if only and notice.id != only:
            continue
        if not everything and time.time() - notice.at > policy.give_up_h * 3600 and delivery.attempts:
            out.append(_settle(ledger, delivery, outbox.GIVEN_UP, delivery.words, 0.0))
            continue
        with ledger.write() as connection:
            if not outbox.claim(connection, delivery, until=time.time() + CLAIMS * policy.timeout_s):
                continue
        sent, silent = _try(workspace, ledger, channel, notice, veil, delivery, policy)
        out.append(sent)
        if silent:
            break
    return out


def _try(
    workspace: Workspace,
    ledger: Ledger,
    channel: Channel,
    notice: Notice,
    veil: Veil | None,
    delivery: Delivery,
    policy: Patience,
) -> tuple[Sent, bool]:
    """Send one; how it went, and whether its receiver does not answer, whatever it is sent."""
    wait = policy.wait(delivery.attempts + 1)
    try:
        body = notice.body if veil is None else veil.body(notice.body)
        words = within(policy.timeout_s, lambda: _send(workspace, channel, notice, body, policy.timeout_s))
    except Refused as refused:
        return _settle(ledger, delivery, outbox.REFUSED, str(refused), 0.0), False
    except Trouble as trouble:
        return _settle(ledger, delivery, outbox.WAITING, str(trouble), time.time() + wait), True
    except Exception as error:
        # A defect of ours or of a library: it is told where people look for what did not get there.
        words = f"unexpected {type(error).__name__}: {error}"
        return _settle(ledger, delivery, outbox.WAITING, words, time.time() + wait), False
    return _settle(ledger, delivery, outbox.SENT, words, 0.0), False


def _settle(ledger: Ledger, delivery: Delivery, status: str, words: str, due: float) -> Sent:
    words = visible(clean(words))
    with ledger.write() as connection:
        outbox.settle(connection, delivery, status, words, due)
    return Sent(delivery.notice, delivery.channel, status, words)


def _send(
    workspace: Workspace, channel: Channel, notice: Notice, body: dict[str, Any], timeout_s: float
) -> str:
    try:
        reference = channel.secret or channel.password
        secret = Resolver(workspace).value(reference) if reference is not None else None
    except GovcloudError as error:
        # Another machine may have it, or this one tomorrow.
        raise Trouble(error.message) from None
    # With what was fetched just now among what is kept out.
    body = messages.cut(messages.cleaned(body))
    if channel.webhook:
        data = json.dumps(document(notice, body, workspace.environment), ensure_ascii=False).encode()
        return webhook.send(channel.webhook, notice.id, int(time.time()), data, secret, timeout_s)
    subject, content = text(notice, body, workspace.environment)
    message = mail.compose(channel, notice.id, notice.at, subject, content)
    if secret is not None and not secret.isascii():
        raise Trouble("the password has other characters than ASCII, and mail servers take no others")
    return mail.send(channel, message, secret.decode() if secret is not None else None, timeout_s)


def within(seconds: float, what: Callable[[], T]) -> T:
    """What a function returns; ``Trouble`` where it takes longer, however little by little it goes on.

    A time limit of a socket is for each piece; one who sends a byte a second would hold us for ever.
    """
    found: list[T] = []
    failed: list[BaseException] = []

    def call() -> None:
        try:
            found.append(what())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=call, name="notify-send", daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not found:
        raise Trouble(f"no answer within {seconds:g} s")
    return found[0]


def tell_of_emergencies(workspace: Workspace, ledger: Ledger) -> None:
    """Put into the outbox that an emergency was not approved in its time."""
    with ledger.read() as connection:
        late = [one for one in clearances.emergencies(connection, waiting=True) if one.state == "overdue"]
    if late:
        with ledger.write() as connection:
            for one in late:
                messages.overdue(connection, workspace, one)


def tell_of_the_dead(workspace: Workspace, ledger: Ledger) -> None:
    """Put into the outbox that a run's process is gone: it could not say so itself."""
    with ledger.read() as connection:
        left = [run for run in runs.unfinished(connection) if run.status is runs.Status.RUNNING]
        if not left or leases.is_held(connection, "run"):
            return
    with ledger.write() as connection:
        if leases.is_held(connection, "run"):
            return
        for run in runs.unfinished(connection):
            if run.status is runs.Status.RUNNING:
                messages.interrupted(connection, workspace, run)
