"""A codec that left its sweep: a folder anyone can hold, and what it does with motion files."""
