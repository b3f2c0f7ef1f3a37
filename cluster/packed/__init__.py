"""The packed placement: one Train job a device hosts many trials, each of which stays its own."""
