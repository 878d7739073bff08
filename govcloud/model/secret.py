"""Secrets: where a value is kept, and which files on hosts get it. The value is nowhere in the ledger."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ..references import Reference
from .base import Count, Doc, Entry, Ref, kind


@kind("secret", "secrets", "密钥")
class Secret(Entry, kw_only=True):
    """A value that nobody may read here: where it is kept, never the value."""

    origin: Annotated[
        Literal["env", "file", "command", "vault"],
        Doc("来源方式", "Where it is fetched from, by whoever runs `plan` or `apply`."),
    ]
    variable: Annotated[str, Doc("环境变量", "env: the variable that holds it.")] = ""
    path: Annotated[
        str, Doc("路径", "file: the file, relative to the workspace; vault: the secret's path in its engine.")
    ] = ""
    command: Annotated[
        list[str], Doc("命令", "command: its argument list; what it writes is the value. No shell.")
    ] = []
    mount: Annotated[str, Doc("挂载点", "vault: where the KV engine (version 2) is mounted.")] = "secret"
    key: Annotated[str, Doc("键", "vault: the key within the secret.")] = "value"
    version: Annotated[Count, Doc("版本", "vault: the version wanted; 0: the newest.")] = 0
    exact: Annotated[
        bool, Doc("原样", "True where a line break at the end of a file or an output is part of it.")
    ] = False
    unit: Annotated[str, Ref("unit"), Doc("责任单位", "The unit that answers for it.")] = ""

    def reference(self) -> Reference:
        """Where the value is, without whom it is for."""
        return msgspec.convert({name: getattr(self, name) for name in Reference.__struct_fields__}, Reference)


@kind("secret_file", "secret_files", "密钥文件")
class SecretFile(Entry, kw_only=True):
    """A file on hosts that holds a secret, for one service; nobody else may read it (mode 0600)."""

    secret: Annotated[str, Ref("secret"), Doc("密钥", "The secret that it holds.")]
    hosts: Annotated[
        list[str],
        Ref("server", "instance", "node"),
        Doc("主机", "Where it lies, as `kind/name`; hosts that no target builds get none."),
    ]
    path: Annotated[
        str,
        Doc("路径", "The file, relative to the folder of the host's services, e.g. `web/db.password`."),
        msgspec.Meta(
            pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$",
            description="a relative path with a folder, e.g. `web/db.password`",
        ),
    ]
    owner: Annotated[str, Doc("属主", "The account of the service that reads it; empty: root.")] = ""
    application: Annotated[str, Ref("application"), Doc("应用", "The application that reads it.")] = ""


def key_path(certificate: str) -> str:
    """Where the key of a certificate lies on a host that shows it, relative to the folder of its services."""
    return f"tls/{certificate}.key"
