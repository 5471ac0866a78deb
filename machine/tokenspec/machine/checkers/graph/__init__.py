"""Questions about the whole graph of states: liveness, deadlock, gaps."""
