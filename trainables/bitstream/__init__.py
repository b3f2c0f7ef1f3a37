"""From tokens to the bytes of a file and back: token models, the entropy coder, the container.

`token_model` says how likely each token is, `entropy_coder` spends bits accordingly, `container` is
the file. Plain numpy and constriction: no torch, and nothing of codecs.
"""
