"""How much time the portal adds to Terraform: `make bench`."""
