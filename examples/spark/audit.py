"""For spark-submit: the audit of `python -m tokenspec.oracle.command.spark_submit`, whose options it takes."""

from tokenspec.oracle.command.spark_submit import main

main()
