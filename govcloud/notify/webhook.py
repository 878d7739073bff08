"""Webhooks: one POST of JSON, signed as Standard Webhooks say (standardwebhooks.com), so that receivers have
libraries for it: ``webhook-id``, ``webhook-timestamp``, ``webhook-signature``."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import urllib.error
import urllib.request
from typing import Any

from .. import __version__
from ..secrets.redaction import clean
from .trouble import Refused, Trouble

# A secret that begins so is base64 behind it; any other is taken as it is.
PREFIX = "whsec_"
# What a receiver says of its failure is kept up to here, and read up to there: it may say back what it was
# sent, and half a secret would not be known as one.
MOST_WORDS, MOST_READ = 200, 65536
# Answers that may be another one later; other 4xx are a receiver's last word.
LATER = frozenset({408, 425, 429})


def sign(secret: bytes, id: str, timestamp: int, body: bytes) -> str:
    """The signature of a message: HMAC-SHA256 of id, time and body, in base64 behind its version.

    Raises ``Trouble`` for a secret that should be base64 and is not.
    """
    if secret.startswith(PREFIX.encode()):
        try:
            secret = base64.b64decode(secret.removeprefix(PREFIX.encode()), validate=True)
        except ValueError:
            raise Trouble(f"the secret begins with {PREFIX}, and what follows is no base64") from None
    digest = hmac.new(secret, f"{id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A receiver is where the settings say, and nowhere else."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def send(url: str, id: str, timestamp: int, body: bytes, secret: bytes | None, timeout_s: float) -> str:
    """Deliver one message; returns what the receiver said, in a few words.

    Raises ``Trouble`` where it may be tried again, ``Refused`` where the receiver will not have it.
    """
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": f"govcloud/{__version__}",
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
    }
    if secret is not None:
        headers["webhook-signature"] = sign(secret, id, timestamp, body)
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=timeout_s) as answer:
            return f"HTTP {answer.status}"
    except urllib.error.HTTPError as error:
        with error:
            said = clean(error.read(MOST_READ).decode("utf-8", "replace")).strip()[:MOST_WORDS]
        words = f"HTTP {error.code} {error.reason}" + (f": {said}" if said else "")
        final = 300 <= error.code < 500 and error.code not in LATER
        raise (Refused if final else Trouble)(words) from None
    except urllib.error.URLError as error:
        raise Trouble(_reason(error.reason)) from None
    except (OSError, http.client.HTTPException) as error:
        raise Trouble(_reason(error)) from None


def _reason(error: object) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    text = getattr(error, "strerror", None) or str(error)
    return text or type(error).__name__
