"""Encoders and decoders of the neural codecs."""
