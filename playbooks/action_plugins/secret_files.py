"""Files of secrets on a host: values come from the run by a socket and go to the host by its standard input.

An action and no module: a module's arguments would stand in a file on the way. What Ansible itself gets to
see, in variables, arguments and results, is names and paths; so nothing here needs ``no_log``, and what went
wrong can be read.
"""

from __future__ import annotations

import base64
import json
import os
import shlex
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

PROGRAM = Path(__file__).parent.parent / "roles" / "secrets" / "files" / "put.py"
ARGUMENTS = frozenset({"root", "files"})


def handed_over() -> bool:
    """Whether a run offers secrets to this process (``govcloud.secrets.handing.VARIABLE``)."""
    return "GOVCLOUD_SECRETS" in os.environ


class ActionModule(ActionBase):
    """``root``: the folder of the host's services; ``files``: path, owner and secret of each."""

    _supports_check_mode = True
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Put the files there, take away those that are not wanted any more; Ansible's result."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = self._task.args
        if set(arguments) != ARGUMENTS:
            raise AnsibleActionFail(f"expected {sorted(ARGUMENTS)}; got {sorted(arguments)}")
        if self._task.check_mode and not handed_over():
            # Plain `ansible-playbook --check`: there is nothing to compare with.
            return result | {"changed": False, "msg": "not looked at: no run hands secrets over"}
        order = {
            "root": arguments["root"],
            "check": bool(self._task.check_mode),
            "files": [
                {"path": f["path"], "owner": f["owner"], "content": self._value(f["secret"])}
                for f in arguments["files"]
            ],
        }
        # `-`: the program itself is the argument, the values are what it reads.
        interpreter = (task_vars or {}).get("ansible_python_interpreter", "/usr/bin/python3")
        command = shlex.join([str(interpreter), "-IS", "-c", PROGRAM.read_text()])
        answer = self._low_level_execute_command(command, in_data=json.dumps(order).encode())
        try:
            told = json.loads(answer["stdout"])
        except ValueError:
            words = (answer.get("stderr") or answer["stdout"]).strip().splitlines()
            raise AnsibleActionFail(words[-1] if words else f"ended with code {answer['rc']}") from None
        result.update(told)
        return result

    @staticmethod
    def _value(secret: str) -> str:
        # The run's own Python has this; anybody else's Ansible is told why it cannot.
        try:
            from govcloud.secrets.handing import ask
        except ImportError:
            raise AnsibleActionFail(f"secret/{secret} is handed over by `govcloud apply` alone") from None
        try:
            return base64.b64encode(ask(secret)).decode()
        except LookupError as error:
            raise AnsibleActionFail(str(error)) from None
