"""A message as each channel takes it: pure, from the message alone."""
