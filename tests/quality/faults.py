from tokenspec.oracle.faults import FAULTS, Fault

__all__ = ["FAULTS", "Fault"]
