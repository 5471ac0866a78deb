"""A machine as WebAssembly: normal form, text, engine."""
