"""What border nodes filter and translate, as variables for the plays: pure over the catalogue.

``filtering`` adds to the variables of hosts:

- ``govcloud_translation`` (see ``translating``): what a node translates. Its prefixes go into the node's
  ``govcloud_routing`` too, so that the others learn the way there.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from ..model.catalogue import Catalogue
from .translating import translations


def filtering(
    catalogue: Catalogue, hosts: Mapping[str, MutableMapping[str, Any]], resolvers: Sequence[str]
) -> None:
    """Add to the variables of each host what it filters and translates.

    ``hosts``: variables by host; routers have their ``govcloud_routing`` already. ``resolvers``: bare
    addresses of the name servers. Raises ``InputError`` where a translation cannot be read.
    """
    for name, found in translations(catalogue).items():
        hosts[name]["govcloud_translation"] = found
        _announce(hosts[name]["govcloud_routing"], found["announce"])


def _announce(routing: MutableMapping[str, Any], prefixes: Sequence[str]) -> None:
    """Have a routing daemon tell of these prefixes; static routes are worked out with them (``routes``)."""
    if routing["backend"] != "ospf":
        return
    border = routing.setdefault("border", {"exports": [], "default": False})
    border["exports"] = [*border["exports"], *(p for p in prefixes if p not in border["exports"])]
