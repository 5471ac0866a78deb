"""The oracle at work: accounts, clocks, the journal, saved states."""
