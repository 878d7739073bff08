"""Keep copies of other machines' content fresh: `keep_copies.py copies.json`.

Each copy is fetched from the first address that answers (IPv6 stands first) and replaces the one before
whole, at APPLICATION.json, where the web service looks when this machine takes over. Beside it
APPLICATION.copy.json says from where, when (seconds since the epoch, taken before the fetch, so
that an age is never too young), and the content's SHA-256.
"""

import hashlib
import json
import os
import socket
import ssl
import sys
import threading
import time
from http.client import OK, HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

TIMEOUT_S = 3
# Until the first copy is there: routing may still be finding its ways.
FIRST_RETRY_S = 0.5


class Held(HTTPSConnection):
    """TLS to an address, where the certificate must be that of a name."""

    def __init__(self, address, port, name, context):
        super().__init__(address, port, timeout=TIMEOUT_S, context=context)
        self.name, self.held = name, context

    def connect(self):
        bare = socket.create_connection((self.host, self.port), self.timeout)
        self.sock = self.held.wrap_socket(bare, server_hostname=self.name)


def replace(path, data):
    """Write a file whole: a reader sees the old one or the new one."""
    new = path.with_name(path.name + ".new")
    new.write_bytes(data)
    os.replace(new, path)


class Copy:
    """One application's content, as it was when it was last fetched."""

    def __init__(self, declared, data):
        self.application, self.urls = declared["application"], declared["urls"]
        self.every_s, self.data = declared["every_s"], data
        self.name, self.context = declared.get("host_name", ""), None
        if self.name:
            self.context = ssl.create_default_context(cadata=declared["chain"])
            self.context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        self.complaint = ""

    def keep(self):
        """Fetch until the first copy is there, then at the declared interval, for ever."""
        while not self.fetch():
            time.sleep(FIRST_RETRY_S)
        while True:
            time.sleep(self.every_s)
            self.fetch()

    def fetch(self):
        """Take the copy from the first address that answers; whether one did."""
        complaints = []
        for url in self.urls:
            begun = time.time()
            try:
                content = self.get(url)
            except (HTTPException, OSError) as error:
                complaints.append(f"{url}: {error or type(error).__name__}")
                continue
            self.store(url, begun, content)
            self.say("")
            return True
        self.say("; ".join(complaints))
        return False

    def get(self, url):
        """What an address answers: asked directly, for the way to the primary is what is exercised."""
        parts = urlsplit(url)
        if self.context is None:
            connection = HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT_S)
        else:
            connection = Held(parts.hostname, parts.port, self.name, self.context)
        try:
            connection.request("GET", parts.path, headers={"Host": self.name or parts.netloc})
            answer = connection.getresponse()
            if answer.status != OK:
                raise HTTPException(f"HTTP {answer.status}")
            # Raises where it ends before its announced end.
            return answer.read()
        finally:
            connection.close()

    def store(self, url, begun, content):
        note = {
            "application": self.application,
            "url": url,
            "fetched_at": begun,
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        replace(self.data / f"{self.application}.json", content)
        replace(self.data / f"{self.application}.copy.json", json.dumps(note).encode())

    def say(self, complaint):
        """Log what has changed, once: the log stands in memory."""
        if complaint != self.complaint:
            print(f"{self.application}: {complaint or 'copied'}", flush=True)
        self.complaint = complaint


def main():
    config = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    data = Path(config["data"])
    data.mkdir(parents=True, exist_ok=True)
    for declared in config["copies"]:
        threading.Thread(target=Copy(declared, data).keep).start()


if __name__ == "__main__":
    main()
