"""Answering: engines that write or score answers, and the journal of an interrupted run."""
