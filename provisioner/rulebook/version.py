"""How the checker calls itself."""

NAME = "drawbridge-policy"
VERSION = "0.1.0"
