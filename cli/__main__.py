"""`python -m lehr.cli` is `lehr`."""

from . import main

main()
