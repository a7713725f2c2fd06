"""Tests of what only a GPU does; `make test-gpu` runs them alone."""

from collections.abc import Iterator

import pytest
import torch


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips all tests of this folder, saying why, where there is no GPU that they can use."""
    reason = None
    if not torch.cuda.is_available():
        reason = "no GPU"
    elif torch.cuda.get_device_capability() < (8, 0):
        reason = "a GPU of compute capability 8.0 or newer is needed"
    for item in items:
        if "gpu" in item.path.parts:
            item.add_marker(pytest.mark.gpu)
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(autouse=True)
def all_memory() -> Iterator[None]:
    """Ends a test's limit of memory and compiled code."""
    yield
    if torch.cuda.is_available():
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch._dynamo.reset()
        torch.cuda.empty_cache()
