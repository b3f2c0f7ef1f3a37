"""How much of a budget each searcher needs to the same front: `python -m benchmarks.search`."""
