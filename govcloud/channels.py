"""Where people are told: the channels that ``notify:`` of ``govcloud.yaml`` lists, as it says them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, Protocol
from urllib.parse import SplitResult, quote, urlsplit

import msgspec

from .references import Reference

EventName = Literal["gate", "done", "failed", "stopped", "interrupted", "drift", "emergency"]
# What needs somebody; that a run is done or was stopped is told where it is wanted.
URGENT: tuple[EventName, ...] = ("gate", "failed", "interrupted", "drift", "emergency")
NAME = r"^[a-z0-9][a-z0-9_-]{0,62}$"
NAME_WORDS = "a name of at most 63 of a-z, 0-9, `_` and `-` that begins with a letter or digit"

WEBHOOKS = ("https", "http")
MAILS = ("smtps", "smtp+starttls", "smtp")
# Nobody else reads what goes this way.
ENCRYPTED = ("https", "smtps", "smtp+starttls")


class Channel(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """One way to tell people. Either ``webhook`` (a URL) or ``mail`` (the URL of a server) is said.

    ``secret``: signs what the webhook gets. ``classified``: whether it may hear the names of what is
    classified. Raises ``ValueError`` for what does not go together.
    """

    name: Annotated[str, msgspec.Meta(pattern=NAME, description=NAME_WORDS)]
    events: list[EventName] = msgspec.field(default_factory=lambda: list(URGENT))
    classified: bool = False
    webhook: str = ""
    secret: Reference | None = None
    mail: str = ""
    sender: str = ""
    recipients: list[str] = []
    user: str = ""
    password: Reference | None = None

    def __post_init__(self) -> None:
        for words in self._faults():
            raise ValueError(words)

    @property
    def url(self) -> SplitResult:
        """Its URL, taken apart."""
        return urlsplit(self.webhook or self.mail)

    @property
    def encrypted(self) -> bool:
        """Whether nobody on the way can read along: by TLS, or because it does not leave the machine."""
        return self.url.scheme in ENCRYPTED or _loopback(self.url.hostname or "")

    def _faults(self) -> Iterator[str]:
        if bool(self.webhook) == bool(self.mail):
            yield "a channel has either `webhook` or `mail`: the URL that it goes to"
            return
        field, schemes = ("webhook", WEBHOOKS) if self.webhook else ("mail", MAILS)
        try:
            scheme, host, _port = self.url.scheme, self.url.hostname, self.url.port
        except ValueError as error:
            yield f"`{field}` is no URL: {error}"
            return
        if scheme not in schemes or not host:
            yield f"`{field}` is a URL of {', '.join(f'{s}://HOST' for s in schemes)}"
        if self.url.username or self.url.password:
            yield f"`{field}` holds a name or a password: they go into `user` and `password`, or `secret`"
        odd = next((c for c in self.webhook if not "!" <= c <= "~"), "")
        if odd:
            yield f"`webhook` holds {odd!r}: a URL has {quote(odd)} for it (a host's name `xn--…`)"
        mail_only = [n for n in ("sender", "recipients", "user", "password") if getattr(self, n)]
        if self.webhook and mail_only:
            yield f"`{mail_only[0]}` is for mail, and this is a webhook"
        if self.mail:
            yield from self._mail_faults()
        for name in ("secret", "password"):
            reference: Reference | None = getattr(self, name)
            if reference is not None and (fault := reference.fault()):
                yield f"`{name}`: {fault}"
        if self.classified and not self.encrypted:
            yield f"`classified` needs a channel that is encrypted: {' or '.join(ENCRYPTED)}"

    def _mail_faults(self) -> Iterator[str]:
        if self.secret:
            yield "`secret` signs webhooks, and this is mail"
        if not self.sender or not self.recipients:
            yield f"`{'recipients' if self.sender else 'sender'}` is missing: mail needs both"
        for address in (self.sender, *self.recipients):
            if address and ("@" not in address or not address.isprintable() or set(address) & set(' ,;<>"')):
                yield f"{address!r} is no mail address"
        if bool(self.user) != bool(self.password):
            yield "`user` and `password` are said together"
        if not self.user.isascii():
            yield "`user` has other characters than ASCII, and mail servers take no others"
        if self.user and not self.encrypted:
            yield "a password goes over smtps or smtp+starttls alone"


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Named(Protocol):
    """What a list of settings holds by name."""

    @property
    def name(self) -> str:
        """Its name."""
        ...


def twice(listed: Iterable[Named]) -> str:
    """A name that two have, or nothing."""
    names = [one.name for one in listed]
    return next((name for name in names if names.count(name) > 1), "")
