"""The parts of an audit on Spark: what its workers do, and what they and the driver hand to each other."""
