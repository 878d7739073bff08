"""The Pulumi provider `pulumi-resource-govcloud` and the drivers behind it."""
