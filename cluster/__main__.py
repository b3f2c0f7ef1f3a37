"""`python -m cluster`: the same as `ratefront`."""

import sys

from cluster.cli import main

sys.exit(main())
