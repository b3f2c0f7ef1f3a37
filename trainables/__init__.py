"""What one trial does: motion in, features, codec, training, reconstruction, metrics. Knows no Ray."""
