"""How large a base model may say that it is, and how long a pattern of an adapter may take."""

LAYERS = 1_000
"""Layers of a base; the largest models at hand have 126."""

PATTERN_SECONDS = 10
"""In which an adapter's patterns must have been compared with the names of the base's layers."""
