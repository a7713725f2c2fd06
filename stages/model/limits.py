"""How large a base model may say that it is, and how long a pattern of an adapter may take."""

LAYERS = 1_000
"""Layers of a base; the largest models at hand have 126."""

PATTERN_SECONDS = 10
"""In which an adapter's patterns must have been compared with the names of the base's layers."""

PATTERNS = 10_000
"""Names and patterns of an adapter in all; peft lists at most the names of all layers."""

RANK = 4_096
"""Of an adapter; finetune's own goes to 1,024."""

STEPS = 100
"""In which peft decomposes the base's weights for an adapter that begins so; usual are 4 to 16."""

NUMBER = 1_000_000
"""Any other whole number in an adapter's settings, such as a token id, or of samples."""
