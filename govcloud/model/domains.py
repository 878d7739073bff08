"""The domains of the ledger and the kinds in each, in the order in which people meet them."""

from __future__ import annotations

# domain -> (Chinese title, kinds)
DOMAINS: dict[str, tuple[str, tuple[str, ...]]] = {
    "organisation": ("组织", ("region", "unit", "person", "role", "delegation")),
    "network": (
        "网络",
        (
            "zone",
            "vrf",
            "node",
            "interface",
            "link",
            "circuit",
            "exit",
            "network",
            "address_plan",
            "prefix",
            "private_network",
            "boundary",
            "translation",
            "exchange",
            "dns_zone",
            "flow",
        ),
    ),
    "datacentre": ("数据中心", ("site", "room", "rack", "server", "storage", "cable", "contract")),
    "cloud": (
        "云",
        (
            "cloud",
            "project",
            "quota",
            "flavor",
            "image",
            "instance",
            "volume",
            "security_group",
            "load_balancer",
        ),
    ),
    "application": (
        "应用",
        (
            "application",
            "component",
            "endpoint",
            "dependency",
            "certificate",
            "dataset",
            "website",
            "hotline",
            "service_entry",
        ),
    ),
    "recovery": ("灾备", ("protection", "backup", "recovery_plan", "drill")),
    "governance": (
        "治理",
        (
            "programme",
            "regime",
            "review",
            "evaluation",
            "budget",
            "waiver",
            "inspection",
            "source_row",
        ),
    ),
    "change": ("变更", ("request", "wave", "rollout", "freeze")),
    "policy": (
        "策略",
        ("profile", "rule", "target", "secret", "secret_file", "approval_stage", "approval_chain"),
    ),
}


def domain_of(kind: str) -> str:
    """The domain a kind belongs to. Raises ``KeyError`` for a name that is no kind."""
    for domain, (_zh, kinds) in DOMAINS.items():
        if kind in kinds:
            return domain
    raise KeyError(kind)
