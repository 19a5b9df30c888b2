"""`python -m launcher` is `./gatehouse`."""

import sys

from launcher.cli import main

sys.exit(main())
