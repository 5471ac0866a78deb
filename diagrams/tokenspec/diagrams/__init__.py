"""How a declared machine looks, to a reader of documents: tables drawn from the declaration, never from a list beside it."""
