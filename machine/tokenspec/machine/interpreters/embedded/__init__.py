"""The embedded reader: a machine as one small WebAssembly module without imports, and a host for it in Python."""
