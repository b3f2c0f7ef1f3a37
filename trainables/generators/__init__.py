"""Generators: systems that make motion from a codec's tokens."""
