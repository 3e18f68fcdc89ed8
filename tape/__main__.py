"""`python -m tape` is the command `tape`."""

from tape.cli import main

main()
