"""What fine-tuning and answering share: the base model, packed rows, processes, costs."""

import sys

# Where this package is installed, bitsandbytes fetches code from a hub and runs it when imported.
sys.modules.setdefault("kernels", None)  # type: ignore[arg-type]
