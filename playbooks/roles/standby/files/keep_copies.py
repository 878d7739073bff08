"""Keep copies of other machines' content fresh: `keep_copies.py copies.json`.

Each copy is fetched from the first address that answers (IPv6 stands first) and replaces the one before
whole, at APPLICATION.json, where the web service looks when this machine takes over. Beside it
APPLICATION.copy.json says from where, when (seconds since the epoch, taken before the fetch, so
that an age is never too young), and the content's SHA-256.
"""

import hashlib
import json
import os
import sys
import threading
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

TIMEOUT_S = 3
# Until the first copy is there: routing may still be finding its ways.
FIRST_RETRY_S = 0.5

# No proxy of the machine's environment: the way to the primary is what is being exercised.
OPENER = build_opener(ProxyHandler({}))


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
                with OPENER.open(url, timeout=TIMEOUT_S) as answer:
                    content = answer.read()
            except (URLError, OSError) as error:
                complaints.append(f"{url}: {error}")
                continue
            self.store(url, begun, content)
            self.say("")
            return True
        self.say("; ".join(complaints))
        return False

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
