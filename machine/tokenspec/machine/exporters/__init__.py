"""Writers of a declaration for other tools. They know the language, and no other reader."""
