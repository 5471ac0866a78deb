"""One module for each verb of the command, imported only when the verb is called."""
