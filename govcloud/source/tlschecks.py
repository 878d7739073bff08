"""What an endpoint and the certificate that it shows must be to each other."""

from __future__ import annotations

from collections.abc import Iterator

from ..model.application import Certificate, Endpoint
from ..model.catalogue import Catalogue
from ..model.network import DnsZone
from .claims import Finding

BEGINS = "-----BEGIN CERTIFICATE-----"


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


def good_for(pattern: str, fqdn: str) -> bool:
    """Whether a name in a certificate is that of a server; `*` is its whole first label (RFC 6125, 6.4.3)."""
    pattern, fqdn = pattern.lower().rstrip("."), fqdn.lower().rstrip(".")
    if pattern.startswith("*."):
        return fqdn.partition(".")[2] == pattern[2:]
    return pattern == fqdn


READ = frozenset({"endpoint", "certificate", "dns_zone"})
CHECKS = [certificates_can_be_shown]
