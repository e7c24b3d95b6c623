"""Which version of the client this is: the one of its own distribution, and of the portal's that carries it too."""

NAME = "drawbridge-cli"
VERSION = "0.1.0"
