"""Recorded sweeps as tables on which searchers and stopping rules run in simulated time."""
