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
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

TIMEOUT_S = 3
# Until the first copy is there: routing may still be finding its ways.
FIRST_RETRY_S = 0.5

# No proxy of the machine's environment: the way to the primary is what is being exercised.
OPENER = build_opener(ProxyHandler({}))


def replace(path, data):
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.replace(path + ".new", path)


def fetch(copy, data):
    """Take one copy; whether an address answered."""
    for url in copy["urls"]:
        begun = time.time()
        try:
            with OPENER.open(url, timeout=TIMEOUT_S) as answer:
                content = answer.read()
        except (URLError, OSError) as error:
            print(f"{copy['application']}: {url}: {error}", flush=True)
            continue
        path = os.path.join(data, copy["application"])
        replace(path + ".json", content)
        note = {
            "application": copy["application"],
            "url": url,
            "fetched_at": begun,
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        replace(path + ".copy.json", json.dumps(note).encode())
        return True
    return False


def keep(copy, data):
    while not fetch(copy, data):
        time.sleep(FIRST_RETRY_S)
    while True:
        time.sleep(copy["every_s"])
        fetch(copy, data)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        config = json.load(file)
    os.makedirs(config["data"], exist_ok=True)
    for copy in config["copies"]:
        threading.Thread(target=keep, args=(copy, config["data"])).start()


if __name__ == "__main__":
    main()
