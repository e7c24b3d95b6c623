"""The web door: parse, one service or selector, render."""
