"""How far a training has come, and its learning curve."""

import math
from dataclasses import dataclass, field


@dataclass
class Progress:
    """How far a training has come, and its learning curve.

    Attributes:
        update: updates made.
        train: (update, epoch, learning rate, loss) of each update.
        dev: (update, epoch, loss) of each measurement on the dev split.
        best: the smallest dev loss so far.
        best_update: the update after which it was measured.
        examples: how many examples the updates went through.
        tokens: how many tokens these had.
        seconds: wall time, interruptions not counted.
        energy_kwh: energy in kWh, likewise; 0 without a meter.
        co2e_kg: emissions in kg of CO2 equivalent, likewise.
    """

    update: int = 0
    train: list[tuple[int, float, float, float]] = field(default_factory=list)
    dev: list[tuple[int, float, float]] = field(default_factory=list)
    best: float = math.inf
    best_update: int = 0
    examples: int = 0
    tokens: int = 0
    seconds: float = field(default=0.0, compare=False)
    energy_kwh: float = field(default=0.0, compare=False)
    co2e_kg: float = field(default=0.0, compare=False)
