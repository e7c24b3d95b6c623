"""Stand-in for the `hashicorp/aws` provider: a separate executable that nobody imports.

Terraform starts it through a filesystem mirror (`python -m provisioner.sandbox install`), speaks its plugin protocol
with it and gets the real provider's schema for the types the modules use. Objects live in one SQLite file. No AWS
account is touched.
"""
