"""The REST API, version 1: one module per noun, one service or selector call per view."""
