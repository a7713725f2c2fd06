"""Emissions: what a country's mix makes of some energy."""

import pytest

from analysis.emissions import co2e_kg, with_emissions


def test_emissions_are_those_of_the_countrys_mix() -> None:
    assert 0.2 < co2e_kg(1.0, "ITA") < 0.6  # about 0.33 kg a kWh
    assert co2e_kg(1.0, "SWE") < 0.1  # water, wind and uranium
    assert co2e_kg(2.5, "ITA") == pytest.approx(2.5 * co2e_kg(1.0, "ITA"))
    cost = with_emissions({"seconds": 3.0, "energy_kwh": 2.0}, "ITA")
    assert cost == {"seconds": 3.0, "energy_kwh": 2.0, "co2e_kg": pytest.approx(0.66, abs=0.2)}
    per_thousand = with_emissions({"energy_kwh_per_thousand_questions": 1.0}, "SWE")
    assert per_thousand["co2e_kg_per_thousand_questions"] < 0.1
    assert with_emissions({"energy_kwh": None}, "ITA")["co2e_kg"] is None
