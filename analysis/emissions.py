"""Emissions: the CO2e of a training's energy, for the energy mix of a country.

finetune records kWh (stages/training/cost.py); what a country's mix makes of them is computed where
it is shown, so that another `cost.country` trains nothing anew.
"""

from collections.abc import Mapping
from typing import Any


def co2e_kg(energy_kwh: float, country: str) -> float:
    """Returns the emissions of some energy in kg of CO2 equivalent, by codecarbon's table.

    Args:
        energy_kwh: energy in kWh.
        country: its three-letter ISO code.
    """
    from codecarbon.core.emissions import Emissions
    from codecarbon.core.units import Energy
    from codecarbon.external.geography import GeoMetadata
    from codecarbon.input import DataSource

    emissions = Emissions(DataSource()).get_country_emissions(
        Energy.from_energy(energy_kwh), GeoMetadata(country_iso_code=country)
    )
    return float(emissions)


def with_emissions(cost: Mapping[str, Any], country: str) -> dict[str, Any]:
    """Adds `co2e_kg`, to three digits, to a record of costs that has `energy_kwh`."""
    energy_kwh = cost.get("energy_kwh")
    return {**cost, "co2e_kg": energy_kwh and float(f"{co2e_kg(energy_kwh, country):.3g}")}
