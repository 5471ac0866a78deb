"""Pictures and tables of a declared machine, for readers of documents: drawn from the declaration, not from lists beside it."""
