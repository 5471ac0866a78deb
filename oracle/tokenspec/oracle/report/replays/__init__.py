"""The parts of the report of a replay: causes, their table, late rows, another setting."""
