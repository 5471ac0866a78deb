"""Everything that crosses the border: records, answers, settings, log files, the protocol's names."""
