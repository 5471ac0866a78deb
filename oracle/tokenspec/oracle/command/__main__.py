"""`python -m tokenspec.oracle.command` is `tokenspec`, also where no script is installed."""

from tokenspec.oracle.command import main

if __name__ == "__main__":
    main()
