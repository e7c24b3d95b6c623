"""What may be ordered, and who owns things."""
