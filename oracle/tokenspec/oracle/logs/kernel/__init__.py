"""The audit kernel: JSON lines scanned and judged by one WebAssembly module; what it does not cover is left to the oracle."""
