"""A stage twice at the same time."""

import time

from benchmarks.faults.bench import Bench
from benchmarks.faults.processes import start, wait
from benchmarks.faults.project import outputs


def two_at_once(bench: Bench, rounds: int) -> list[list[object]]:
    """Runs each stage twice at the same time, the second a moment later."""
    rows: list[list[object]] = []
    for stage in bench.stages:
        same = waited = 0
        for number in range(rounds):
            bench.prepare(stage)
            logs = [bench.work.parent / f"{name}.log" for name in ("one", "other")]
            processes = []
            for log in logs:
                processes.append(start(bench.work, stage, log))
                time.sleep(bench.draw.uniform(0, 0.5))
            ended = [wait(*both) for both in zip(processes, logs, strict=True)]
            text = "\n".join(each.text for each in ended)
            are_same = outputs(bench.work, stage) == bench.expected(stage)
            holds = are_same and not any(each.code for each in ended) and not bench.left_behind()
            same += bench.check(f"{stage}, two at once, {number + 1}", holds, text)
            waited += "another run with the same inputs is at work" in text
        rows.append([stage, rounds, same, waited])
    return rows
