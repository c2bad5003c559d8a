"""`python -m toolgate.cli`."""

from toolgate.cli import main

main()
