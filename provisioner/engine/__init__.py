"""The only seam to Terraform: find it, lay out a directory, run it, tell what it said.

Callers use `types` (what goes in and comes out) and `terraform` (the engine itself); the rest is inside.
"""
