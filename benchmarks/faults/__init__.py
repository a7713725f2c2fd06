"""What faults do to the stages: kills, crashes, full disks, damaged files, two runs at once.

`python -m benchmarks.faults` (__main__.py) makes a small project in a temporary folder and lets
happen to it whatever the other modules know; `python -m benchmarks.faults.kills` kills long runs
under plain calls, `dvc repro` and DVC's queue.
"""
