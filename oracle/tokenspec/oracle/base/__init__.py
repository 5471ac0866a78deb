"""Small things that every package needs: errors, texts, instants, processes, provenance."""
