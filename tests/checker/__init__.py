"""The checker that needs no server."""
