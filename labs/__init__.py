"""The labs: one file each, from which both languages' pages are made (recipes/labs.py)."""
