"""Where and when trials run: jobs, searchers, the store, and the `ratefront` command line."""
