"""Codecs of motion behind one contract (`codec.Codec`), found by name (`registry`)."""
