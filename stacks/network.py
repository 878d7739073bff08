"""The network: routers, the lines between them."""


def program(slice):
    """Routers first; a line needs both of its ends."""
    for node in slice.of("Node"):
        slice.declare(node)
    for line in slice.of("Link"):
        slice.declare(line)
