"""Drawbridge on one machine with nothing installed but Python packages: `make up`."""
