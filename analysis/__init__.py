"""What people do with results: compare two runs, and read a report."""
