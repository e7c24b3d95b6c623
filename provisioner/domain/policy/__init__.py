"""The policy as frozen types: one module for each section of the file, and what reads them."""
