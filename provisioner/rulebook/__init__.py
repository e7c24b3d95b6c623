"""Policies outside the database: their file, their expressions, their tests. Imports no Django."""
