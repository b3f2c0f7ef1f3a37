"""The second paper (EGGesture) set beside our runs: use of codebooks, and what guiding it costs."""
