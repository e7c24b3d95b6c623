"""The pure core: frozen types and functions over them; standard library only, no clock, no I/O."""
