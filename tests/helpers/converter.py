"""Stands in for llama.cpp's converter: writes what it was asked for, or fails having begun."""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    _, merged, _, out, _, kind = sys.argv
    Path(out).write_text(f"{merged} {kind}")
    if "CONVERTER_FAILS" in os.environ:
        sys.exit("BPE pre-tokenizer unknown")
