"""Changes of params.yaml, made as a profile makes them."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from stages.common import settings


def put(folder: Path, changes: dict[str, Any]) -> None:
    """Writes values into a folder's params.yaml; keys may be dotted."""
    profile: dict[str, Any] = {}
    for key, value in changes.items():
        *above, last = key.split(".")
        section = profile
        for name in above:
            section = section.setdefault(name, {})
        section[last] = value
    path = folder / "profile.yaml"
    YAML().dump(profile, path)
    settings.apply(path, folder / "params.yaml")
    path.unlink()
