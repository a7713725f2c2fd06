"""Reading what others have made: whatever a library raises about it is an error by name."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from stages.common.command import InputError, first_line


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Says of what is read here that it cannot be, if anything but memory fails.

    Libraries raise whatever a file leads them to: an AttributeError for a list in the place of a
    mapping, a RecursionError for thousands of levels.

    Args:
        what: is read, as the subject of a sentence.

    Raises:
        InputError: that it cannot be loaded, and why.
    """
    try:
        yield
    except (InputError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise InputError(f"{what} cannot be loaded: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Why a library could not read a file; advice to read it without checks is left out."""
    if "weights_only" in str(error):
        return "it holds more than numbers, which could run code and is never read"
    if "ignore_mismatched_sizes" in str(error):
        return "its files have weights of other shapes than config.json says"
    if isinstance(error, (OSError, ValueError)):
        return first_line(error)
    return f"{type(error).__name__}: {first_line(error)}"
