"""Reading of logs: replay, the settings that explain a log, an account's history and its diagnosis."""
