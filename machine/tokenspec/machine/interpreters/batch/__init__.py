"""Many accounts of a machine in one WebAssembly module: steps, clocks and memory, as text that a caller completes."""
