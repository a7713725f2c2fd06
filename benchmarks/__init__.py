"""Measurements; their results are logged in docs/measurements.md."""
