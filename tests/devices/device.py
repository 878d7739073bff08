"""A device's command line over SSH, as far as plays type into it: views, settings, complaints, saving."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncssh

from tests.devices.grammar import reads

# Lines that open a view of configuration.
VIEW = re.compile(r"(interface|ospf|ospfv3|area|ip vpn-instance|ipv[46]-family|acl|route-policy)\b")
# Settings of which a view has one: these words, then a value.
ONE = re.compile(
    r"sysname|description|ospfv?3? (?:cost|network-type|timer hello|timer dead)|router-id"
    r"|maximum load-balancing|ip binding vpn-instance|ip address(?= \S+ \S+$)"
)
Tree = dict[str, "Tree"]


class Device:
    """One device: ``typed`` is all that was typed into it, ``saved`` how often it was saved.

    ``stages``: 2 as VRP 8, where nothing holds before `commit`.
    """

    def __init__(self, platform: str, name: str, *, stages: int = 1) -> None:
        self.platform, self.stages = platform, stages
        self.running: Tree = {
            f"sysname {name}": {},
            "user-interface vty 0 4": {"authentication-mode aaa": {}},
        }
        self.typed: list[str] = []
        self.saved = 0
        self.refused = ""

    @property
    def config(self) -> str:
        """The configuration as it shows it."""

        def lines(tree: Tree, depth: int) -> Iterator[str]:
            for line, inner in tree.items():
                if depth == 0:
                    yield "#"
                yield " " * depth + line
                yield from lines(inner, depth + 1)

        return "\n".join([*lines(self.running, 0), "#", "return"])


class Session:
    """One login."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.tree: Tree | None = None
        self.views: list[str] = []
        self.asking = False

    def prompt(self) -> str:
        name = next(line for line in self.device.running if line.startswith("sysname ")).split()[1]
        if self.tree is None:
            return f"<{name}>"
        star = ("~" if self.tree == self.device.running else "*") if self.device.stages == 2 else ""
        view = "-".join([name, *(v.split()[-1] for v in self.views)])
        return f"[{star}{view}]"

    def here(self) -> Tree:
        assert self.tree is not None
        tree = self.tree
        for view in self.views:
            tree = tree[view]
        return tree

    def answer(self, line: str) -> str:
        """What the device says to a line."""
        device = self.device
        device.typed.append(line)
        if self.asking:
            self.asking = False
            device.saved += line == "y"
            return "Info: Save the configuration successfully."
        if device.refused and line.startswith(device.refused):
            return "Error: Wrong parameter found at '^' position."
        if self.tree is None:
            return self._user(line)
        return self._configured(line)

    def _user(self, line: str) -> str:
        device = self.device
        if line == "display current-configuration":
            return device.config
        if line == "system-view":
            self.tree = copied(device.running) if device.stages == 2 else device.running
            return "Enter system view, return user view with Ctrl+Z."
        if line == "save" and device.platform == "huawei_vrp":
            self.asking = True
            return (
                "Warning: The configuration will be written to the device.\nAre you sure to continue?[Y/N]:"
            )
        if line == "save force" and device.platform == "h3c_comware":
            device.saved += 1
            return "Saved the current configuration to mainboard device successfully."
        if line.startswith("screen-length"):
            return ""
        return "Error: Unrecognized command found at '^' position."

    def _configured(self, line: str) -> str:
        if line == "return":
            self.tree, self.views = None, []
        elif line == "quit":
            self.views.pop()
        elif line == "commit":
            assert self.tree is not None
            self.device.running = copied(self.tree)
        elif line == "clear configuration candidate":
            self.tree, self.views = copied(self.device.running), []
        elif not reads(line):
            return "Error: Unrecognized command found at '^' position."
        elif line.startswith("undo "):
            return self._undo(line.removeprefix("undo "))
        else:
            return self._set(line)
        return ""

    def _set(self, line: str) -> str:
        # As devices do: a line that opens another view leads there from any.
        if VIEW.match(line) and not line.startswith(("area", "ipv4-family", "ipv6-family")):
            inside = self.views and line.startswith(("ospf", "acl")) and self.views[0].startswith("interface")
            if not inside or re.fullmatch(r"(ospf|ospfv3) 1( router-id \S+)?", line):
                assert self.tree is not None
                self.views = []
        here = self.here()
        if (number := re.match(r"rule \d+ ", line)) and any(one.startswith(number[0]) for one in here):
            return "Error: The rule already exists."
        if found := ONE.match(line):
            for old in [
                one for one in here if one.startswith(found[0] + " ") and found[0] == ONE.match(one)[0]
            ]:
                del here[old]
        if line.startswith("ip binding vpn-instance"):
            for old in [one for one in here if re.match(r"(ip|ipv6) (address|enable)", one)]:
                del here[old]
        if re.match(r"ospf 1 router-id", line):
            for old in [one for one in here if one.startswith("ospf 1 ") and one != line]:
                here[line] = here.pop(old)
        here.setdefault(line, {})
        setting = self.views and line.startswith("ospf") and self.views[0].startswith("interface")
        if VIEW.match(line) and not setting and not re.match(r"ipv?6? (address|route)", line):
            self.views.append(line)
        return ""

    def _undo(self, words: str) -> str:
        here = self.here()
        gone = [one for one in here if one == words or one.startswith(words + " ")]
        if re.fullmatch(r"ip address \S+ \S+", words) and any(one.endswith(" sub") for one in here):
            return "Error: Please delete the sub address in the interface first."
        if words.startswith("route-distinguisher") and self.device.platform == "huawei_vrp":
            gone += [one for one in here if one.startswith("vpn-target ")]
        for one in gone:
            del here[one]
        return "" if gone else f"Error: The configuration does not exist: {words}"


def copied(tree: Tree) -> Tree:
    return {line: copied(inner) for line, inner in tree.items()}


@contextmanager
def listening(device: Device, folder: Path) -> Iterator[int]:
    """The device behind SSH on this machine; its port. It lets in who has the key in ``folder``."""
    host = asyncssh.generate_private_key("ssh-ed25519")
    own = asyncssh.generate_private_key("ssh-ed25519")
    own.write_private_key(str(folder / "key"))
    (folder / "key").chmod(0o600)
    own.write_public_key(str(folder / "authorized_keys"))

    async def serve(process: asyncssh.SSHServerProcess[str]) -> None:
        session = Session(device)
        process.stdout.write(f"\r\nInfo: The max number of VTY users is 10.\r\n{session.prompt()}")
        typed = ""
        while chunk := await process.stdin.read(4096):
            typed += chunk.replace("\n", "\r")
            while "\r" in typed:
                line, _, typed = typed.partition("\r")
                said = session.answer(line.strip())
                end = "" if session.asking else f"\r\n{session.prompt()}"
                process.stdout.write(f"{line}\r\n" + said.replace("\n", "\r\n") + end)
        process.exit(0)

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[host],
            authorized_client_keys=str(folder / "authorized_keys"),
            process_factory=serve,
            line_editor=False,
        )

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    port = server.get_port()
    try:
        yield port
    finally:

        async def stop() -> None:
            server.close()
            await server.wait_closed()

        asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
