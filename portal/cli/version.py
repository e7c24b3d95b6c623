"""Which version of the client this is."""

from importlib import metadata

# The client's own distribution, or the portal's, which carries it too.
_DISTRIBUTIONS = ("drawbridge-cli", "drawbridge")


def version() -> str:
    """Return the installed version; "unpacked" where the code runs from a folder that nothing installed."""
    for distribution in _DISTRIBUTIONS:
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return "unpacked"
