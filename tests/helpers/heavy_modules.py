"""Runs stages and prints after each whether torch and transformers have been imported.

python -m tests.helpers.heavy_modules "encode RAW ENCODED" "baseline ENCODED LINEAR" ...
"""

import sys
from importlib import import_module

if __name__ == "__main__":
    for stage in sys.argv[1:]:
        sys.argv = stage.split()
        import_module(f"stages.{sys.argv[0]}").main()
        print("torch" in sys.modules, "transformers" in sys.modules)
