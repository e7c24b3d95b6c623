"""AWS's price lists as files: found, fetched and read, one product and one rate at a time."""
