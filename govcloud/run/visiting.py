"""A connection to a page at one address: plain, or over TLS and held to the chain that is to be shown."""

from __future__ import annotations

import http.client
import socket


class _Held(http.client.HTTPConnection):
    """TLS to an address, where the certificate has to be the host's and signed as ``chain`` says."""

    def __init__(self, address: str, port: int, host: str, chain: str, timeout: float) -> None:
        super().__init__(address, port, timeout=timeout)
        self._name, self._chain = host, chain

    def connect(self) -> None:
        # Costs as much as all else here, and most pages are plain.
        import ssl

        context = ssl.create_default_context(cadata=self._chain)
        # The chain's own certificates are all that is trusted, also where its root is not in it.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        bare = socket.create_connection((self.host, self.port), self.timeout)
        try:
            self.sock = context.wrap_socket(bare, server_hostname=self._name)
        except BaseException:
            bare.close()
            raise


def visit(
    address: str, port: int, host: str, *, chain: str = "", wait_s: float
) -> http.client.HTTPConnection:
    """A connection that is made when something is asked over it. ``chain``: PEM; empty: plain HTTP.

    ``ssl.SSLError``, which it may raise then, is an ``OSError``.
    """
    if chain:
        return _Held(address, port, host, chain, wait_s)
    return http.client.HTTPConnection(address, port, timeout=wait_s)
