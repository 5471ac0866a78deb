"""The running oracle: accounts, clocks, the journal, saved states."""
