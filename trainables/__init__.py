"""What one trial does: motion in, features, codec, reconstruction, metrics. Knows no Ray."""
