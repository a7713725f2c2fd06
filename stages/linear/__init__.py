"""The linear baseline: what one would try before a language model."""
