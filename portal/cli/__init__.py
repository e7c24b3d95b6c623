"""`drawbridge`: the command line and the client library of the REST API. Needs neither Django nor the portal."""
