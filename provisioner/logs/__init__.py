"""Reading the logs of runs, whoever reads: chunks in the database, then a file in the archive."""
