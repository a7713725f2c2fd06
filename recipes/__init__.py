"""Recipes that make the artifacts which the pipeline takes as given."""
