"""The one error that a person's input can cause, and its exit code.

Everything that reads what a person wrote (files, options, presets) raises `BadInput` with one
line that says where and what to do about it; the command line prints that line and exits 2.
"""

from __future__ import annotations


class BadInput(Exception):
    """What was given cannot be used. The message is one line: place, fault, remedy."""

    exit_code = 2


class Refused(Exception):
    """A configuration that cannot work, refused before it costs anything, with the reason."""
