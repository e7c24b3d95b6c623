"""The command line, against real HTTP: a server that plays the API's documents, and the portal itself."""
