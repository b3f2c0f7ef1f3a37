"""Quantizers: continuous latents to tokens and back."""
