"""Parts of the report of a replay: late rows, another setting, a table of divergences."""
