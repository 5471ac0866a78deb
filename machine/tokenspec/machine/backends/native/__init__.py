"""The native tier: a declaration as WebAssembly, for searches at the speed of C."""
