"""HTTP calls to addresses that people gave: guarded against reaching inwards, bounded in time and size, signed."""
