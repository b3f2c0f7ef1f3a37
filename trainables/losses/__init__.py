"""Losses that look at motion, not at features."""
