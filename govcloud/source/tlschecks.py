"""What an endpoint and the certificate that it shows must be to each other."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..model.application import Application, Certificate, Endpoint
from ..model.catalogue import Catalogue
from ..model.network import DnsZone
from .claims import Finding

BEGINS = "-----BEGIN CERTIFICATE-----"
# A certificate in PEM, whole (RFC 7468).
BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----")


def certificates_can_be_shown(catalogue: Catalogue) -> Iterator[Finding]:
    """A certificate that is shown is there, has a key, and is good for the endpoint's name."""
    ports: dict[tuple[str, int], tuple[str, str]] = {}
    for name, endpoint in sorted(catalogue.all(Endpoint).items()):
        place = (endpoint.instance, endpoint.port)
        other, shown = ports.setdefault(place, (name, endpoint.certificate))
        if shown != endpoint.certificate:
            words = f"`certificate`: port {endpoint.port} of instance/{endpoint.instance} shows one, "
            words += f"and endpoint/{other} says {'certificate/' + shown if shown else 'none'}"
            yield Finding("endpoint", name, "certificate", words)
        certificate = catalogue.find("certificate", endpoint.certificate)
        application = catalogue.find("application", endpoint.application)
        if isinstance(certificate, Certificate) and isinstance(application, Application):
            # Its key goes to the machine of whoever shows it.
            if certificate.unit and certificate.unit != application.unit:
                words = (
                    f"`certificate`: certificate/{endpoint.certificate} is of unit/{certificate.unit}, and "
                )
                words += f"application/{endpoint.application} of unit/{application.unit}"
                hint = "show one of its own unit; one that says no `unit` is anybody's"
                yield Finding("endpoint", name, "certificate", words, hint)
        zone = catalogue.find("dns_zone", endpoint.dns_zone)
        if not isinstance(certificate, Certificate) or not isinstance(zone, DnsZone):
            continue
        fqdn = f"{endpoint.host}.{zone.domain}"
        if not any(good_for(pattern, fqdn) for pattern in certificate.names):
            words = f"`certificate`: certificate/{endpoint.certificate} is good for "
            words += f"{', '.join(certificate.names)}, not for {fqdn}"
            yield Finding("endpoint", name, "certificate", words)
        lacks = [field for field in ("chain", "secret") if not getattr(certificate, field)]
        if lacks:
            words = f"endpoint/{name} shows it, and it has no {' and no '.join(f'`{f}`' for f in lacks)}"
            hint = "the chain in PEM, and the secret that holds its key"
            yield Finding("certificate", endpoint.certificate, lacks[0], words, hint)
        elif BEGINS not in certificate.chain:
            words = f"`chain`: no certificate in PEM; it should begin with {BEGINS}"
            yield Finding("certificate", endpoint.certificate, "chain", words)


def chains_are_public(catalogue: Catalogue) -> Iterator[Finding]:
    """A chain holds certificates alone: what is a key, or might be one, does not get into the ledger."""
    for name, certificate in catalogue.all(Certificate).items():
        rest = BLOCK.sub("", certificate.chain)
        if "-----" in rest or "PRIVATE KEY" in rest:
            words = "`chain`: it holds something else than whole certificates in PEM"
            hint = "a private key belongs into the secret alone; one that stood in a file is to be replaced"
            yield Finding("certificate", name, "chain", words, hint)


def good_for(pattern: str, fqdn: str) -> bool:
    """Whether a name in a certificate is that of a server; `*` is its whole first label (RFC 6125, 6.4.3)."""
    pattern, fqdn = pattern.lower().rstrip("."), fqdn.lower().rstrip(".")
    if pattern.startswith("*."):
        return fqdn.partition(".")[2] == pattern[2:]
    return pattern == fqdn


READ = frozenset({"endpoint", "certificate", "dns_zone", "application"})
CHECKS = [certificates_can_be_shown, chains_are_public]
