"""`python -m tokenspec.oracle.command` is `tokenspec`, also where no script is installed."""

from tokenspec.oracle.command.main import main

main()
