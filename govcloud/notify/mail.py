"""Mail: one message to all recipients of a channel, over TLS where its URL says so."""

from __future__ import annotations

import email.policy
import smtplib
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from ..channels import Channel
from .trouble import Refused, Trouble

# The longest line that mail may have (RFC 5322, 2.1.1): a subject in one line is found by filters.
WHOLE = email.policy.SMTP.clone(max_line_length=998)
PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


def compose(channel: Channel, id: str, at: float, subject: str, text: str) -> EmailMessage:
    """The message. Its id is the notice's: one that comes twice is known by it."""
    message = EmailMessage(policy=WHOLE)
    message["Subject"] = subject
    message["From"] = channel.sender
    message["To"] = ", ".join(channel.recipients)
    message["Date"] = format_datetime(datetime.fromtimestamp(at, UTC))
    message["Message-ID"] = f"<{id}@{channel.sender.rpartition('@')[2]}>"
    # Out-of-office answers are for people.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


def send(channel: Channel, message: EmailMessage, password: str | None, timeout_s: float) -> str:
    """Hand it to the channel's server; returns what came of it, in a few words.

    Raises ``Trouble`` where it may be tried again, ``Refused`` where the server will not have it.
    """
    url = channel.url
    port = url.port or PORTS[url.scheme]
    host = url.hostname or ""
    try:
        with _open(url.scheme, host, port, timeout_s) as server:
            if url.scheme == "smtp+starttls":
                server.starttls(context=ssl.create_default_context())
            if channel.user:
                server.login(channel.user, password or "")
            refused = server.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        raise _of_code(
            min(code for code, _ in error.recipients.values()), _several(error.recipients)
        ) from None
    except smtplib.SMTPResponseException as error:
        raise _of_code(error.smtp_code, f"SMTP {error.smtp_code} {_text(error.smtp_error)}") from None
    except smtplib.SMTPNotSupportedError as error:
        raise Refused(str(error)) from None
    except TimeoutError:
        raise Trouble("no answer in time") from None
    except (OSError, smtplib.SMTPException) as error:
        raise Trouble(getattr(error, "strerror", None) or str(error) or type(error).__name__) from None
    taken = len(channel.recipients) - len(refused)
    return f"taken for {taken} of {len(channel.recipients)}" + (f"; {_several(refused)}" if refused else "")


def _open(scheme: str, host: str, port: int, timeout_s: float) -> smtplib.SMTP:
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port, timeout=timeout_s, context=ssl.create_default_context())
    return smtplib.SMTP(host, port, timeout=timeout_s)


def _of_code(code: int, words: str) -> Trouble | Refused:
    # 5xx is the server's last word (RFC 5321, 4.2.1).
    return Refused(words) if code >= 500 else Trouble(words)


def _several(refused: dict[str, tuple[int, bytes]]) -> str:
    return "; ".join(f"{address}: {code} {_text(words)}" for address, (code, words) in refused.items())


def _text(words: bytes | str) -> str:
    return words.decode("utf-8", "replace") if isinstance(words, bytes) else words
