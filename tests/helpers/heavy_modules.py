"""Runs a stage and prints whether it has imported torch and transformers.

python -m tests.helpers.heavy_modules encode RAW ENCODED
"""

import sys
from importlib import import_module

if __name__ == "__main__":
    del sys.argv[0]
    import_module(f"stages.{sys.argv[0]}").main()
    print("torch" in sys.modules, "transformers" in sys.modules)
