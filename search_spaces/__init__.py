"""What may be tried, and the words that all rooms share. Knows no torch, no Ray, no motion file."""
