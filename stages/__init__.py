"""The pipeline: one script a stage, and the modules that they share."""
