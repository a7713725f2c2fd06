"""The pages whose code blocks are tested."""

from pathlib import Path

from recipes import tables

ROOT = Path(__file__).parents[2]
PAGES = [*tables.pages(), ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("data/*/README.md"))]
