"""Results in every form: text, JSON, JUnit, SARIF, Markdown."""
