"""Certificates that endpoints show: who gets which key, and what those who call hold them to."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ..model.application import Certificate, Endpoint
from ..model.catalogue import Catalogue
from ..model.secret import SecretFile, key_path


class Shown(msgspec.Struct, frozen=True):
    """A certificate as an endpoint shows it: its chain in PEM, and the file of its key on the host."""

    name: str
    chain: str
    secret: str

    @property
    def path(self) -> str:
        """The key's file, relative to the folder of the host's services."""
        return key_path(self.name)

    @property
    def file(self) -> str:
        """The chain's file, among those of the web service."""
        return f"{self.name}.pem"


def shown(catalogue: Catalogue, endpoint: Endpoint) -> Shown | None:
    """What an endpoint shows; None where it speaks plain HTTP."""
    if not endpoint.certificate:
        return None
    certificate = catalogue.get(Certificate, endpoint.certificate)
    return Shown(endpoint.certificate, certificate.chain, certificate.secret)


def key_files(catalogue: Catalogue) -> Mapping[str, SecretFile]:
    """The files with the keys of certificates that are shown, by a name that no entry has."""
    out: dict[str, SecretFile] = {}
    for _, endpoint in sorted(catalogue.all(Endpoint).items()):
        one = shown(catalogue, endpoint)
        if one is None:
            continue
        host = f"instance/{endpoint.instance}"
        known = out.get(f"certificate/{one.name}")
        hosts = [*(known.hosts if known else []), host]
        out[f"certificate/{one.name}"] = SecretFile(
            secret=one.secret, hosts=list(dict.fromkeys(hosts)), path=one.path
        )
    return out


def chain_files(catalogue: Catalogue, instance: str) -> list[dict[str, str]]:
    """Name and content of the chains that an instance shows."""
    served = [e for _, e in sorted(catalogue.all(Endpoint).items()) if e.instance == instance]
    found = [shown(catalogue, endpoint) for endpoint in served]
    chains = {one.file: one.chain.strip() + "\n" for one in found if one is not None}
    return [{"name": name, "content": content} for name, content in sorted(chains.items())]
