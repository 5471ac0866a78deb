"""Random steps of any declared machine, with coverage of its rules and refusals."""
