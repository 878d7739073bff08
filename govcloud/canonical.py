"""One way to write a value down, so that equal values have equal digests everywhere."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(order="deterministic")


def encode(value: Any) -> bytes:
    """Canonical JSON: keys sorted, no spaces."""
    return _encoder.encode(value)


def digest(value: Any) -> str:
    """BLAKE2b-128 of the canonical JSON, 32 hexadecimal characters."""
    return hashlib.blake2b(_encoder.encode(value), digest_size=16).hexdigest()


def digest_bytes(data: bytes) -> str:
    """BLAKE2b-128 of bytes, 32 hexadecimal characters."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()
