"""Emissions: the CO2e of a run's energy, for the energy mix of a country.

finetune and infer record kWh (stages/model/cost.py); what a country's mix makes of them is computed
where it is shown, so that another `cost.country` trains nothing anew.
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
    """Adds the emissions, to three digits, of each figure of energy in a record of costs.

    That of `energy_kwh` is `co2e_kg`, that of `energy_kwh_per_thousand_questions`
    `co2e_kg_per_thousand_questions`.
    """
    return dict(cost) | {
        key.replace("energy_kwh", "co2e_kg"): energy and float(f"{co2e_kg(energy, country):.3g}")
        for key, energy in cost.items()
        if key.startswith("energy_kwh")
    }
