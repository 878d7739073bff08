"""What is typed into a device over SSH: for Ansible's connection `network_cli`, of which no collection that
still lasts brings the parts for VRP and Comware.

`playbooks/terminal_plugins` and `playbooks/cliconf_plugins` name these classes; Ansible finds them beside the
playbook by `ansible_network_os`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from ansible.errors import AnsibleConnectionFailure
from ansible_collections.ansible.netcommon.plugins.plugin_utils.cliconf_base import CliconfBase
from ansible_collections.ansible.netcommon.plugins.plugin_utils.terminal_base import TerminalBase

SHOW = "display current-configuration"
# What a device may be asked to do with a configuration (module cli_config): nothing of it but differences,
# which are worked out here.
OPERATIONS = (
    "supports_diff_replace",
    "supports_commit",
    "supports_rollback",
    "supports_defaults",
    "supports_onbox_diff",
    "supports_commit_comment",
    "supports_multiline_delimiter",
    "supports_diff_match",
    "supports_diff_ignore_lines",
    "supports_replace",
)


class Terminal(TerminalBase):  # type: ignore[misc]  # Ansible brings no types
    """Prompts and complaints. ``<NAME>`` is the user's view, ``[NAME…]`` one of configuration."""

    terminal_stdout_re: ClassVar = [re.compile(rb"(?:^|[\r\n])[<\[][~*]?[^\s<>\[\]]+[>\]] ?$")]
    terminal_stderr_re: ClassVar = [
        re.compile(rb"(?m)^\s*Error ?:"),
        re.compile(rb"(?m)^\s*% ?[A-Z]"),
        re.compile(rb"(?m)^\s*(Unrecognized|Incomplete|Ambiguous|Wrong) "),
    ]
    # Without pages: a configuration comes whole.
    unpaged: ClassVar[bytes]

    def on_open_shell(self) -> None:
        """Have no pages."""
        self._exec_cli_command(self.unpaged)


class VrpTerminal(Terminal):
    """Huawei VRP."""

    unpaged = b"screen-length 0 temporary"


class ComwareTerminal(Terminal):
    """H3C Comware."""

    unpaged = b"screen-length disable"


class Cliconf(CliconfBase):  # type: ignore[misc]
    """Reading and changing a configuration. Only what differs is typed; afterwards it is saved."""

    platform: ClassVar[str]
    # The command that saves, and what it asks, with the answer ("": it asks nothing).
    saving: ClassVar[tuple[str, str, str]]

    def get_device_info(self) -> dict[str, str]:
        """What Ansible wants to know of a device."""
        return {"network_os": self.platform}

    def get_device_operations(self) -> dict[str, bool]:
        """What can be asked of it."""
        return dict.fromkeys(OPERATIONS, False) | {"supports_generate_diff": True}

    def get_capabilities(self) -> str:
        """The same, as Ansible reads it."""
        return json.dumps(super().get_capabilities() | {"device_operations": self.get_device_operations()})

    def get(self, command: str, **options: Any) -> str:
        """Type one command; what the device says."""
        return str(self.send_command(command=command, **options))

    def get_config(self, source: str = "running", flags: Any = None, format: Any = None) -> str:
        """The running configuration."""
        del source, flags, format
        return self.get(SHOW)

    def get_diff(self, candidate: str = "", running: str = "", **_options: Any) -> dict[str, str]:
        """The commands that lead from one to the other."""
        from .comparing import commands

        return {"config_diff": "\n".join(commands(self.platform, running, candidate))}

    def edit_config(
        self, candidate: Iterable[str] = (), commit: bool = True, **_options: Any
    ) -> dict[str, Any]:
        """Type commands in the system view, commit where the device wants that, and save.

        Raises ``AnsibleConnectionFailure`` with the command that the device refused; in two stages
        (VRP 8) nothing is changed then.
        """
        lines = [line for line in candidate if line.strip()]
        if not commit or not lines:
            return {"request": [], "response": []}
        said = list(self._typed(lines))
        command, asked, answer = self.saving
        said.append(self.get(command, prompt=asked, answer=answer) if asked else self.get(command))
        return {"request": lines, "response": said}

    def _typed(self, lines: Iterable[str]) -> Iterator[str]:
        yield self.get("system-view")
        # VRP 8 shows `[~NAME]`, and `[*NAME]` where something is not committed yet.
        two_stages = re.match(r"\[[~*]", self._prompt()) is not None
        for line in lines:
            try:
                yield self.get(line.strip())
            except AnsibleConnectionFailure as error:
                words = " ".join(str(error).split())
                if two_stages:
                    self.get("clear configuration candidate")
                self.get("return")
                raise AnsibleConnectionFailure(f"refused `{line.strip()}`: {words}") from None
        if two_stages:
            yield self.get("commit")
        yield self.get("return")

    def _prompt(self) -> str:
        prompt = self._connection.get_prompt()
        return prompt.decode(errors="replace").strip() if isinstance(prompt, bytes) else str(prompt).strip()


class VrpCliconf(Cliconf):
    """Huawei VRP, in one stage (VRP 5) or two (VRP 8)."""

    platform = "huawei_vrp"
    saving = ("save", r"\[Y/N\]", "y")


class ComwareCliconf(Cliconf):
    """H3C Comware."""

    platform = "h3c_comware"
    saving = ("save force", "", "")
