"""A cloud: its networks, and the instances in them."""


def program(slice):
    """An instance needs its network."""
    for network in slice.of("Network"):
        slice.declare(network)
    for instance in slice.of("Instance"):
        slice.declare(instance)
