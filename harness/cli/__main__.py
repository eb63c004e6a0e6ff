"""`python -m harness.cli` is the command `parity`."""

from harness.cli import main

main()
