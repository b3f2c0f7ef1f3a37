"""Speech beside motion: reading it, features of audio and words, and the embedded speaker.

Plain numpy and scipy, but for `encoders`, which opens a person's own wav2vec2, BERT or CLIP folder.
"""
