"""Generators of invented sample data in the native formats of the tasks."""
