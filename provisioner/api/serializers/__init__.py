"""The documents of the API, one module per noun."""
