"""The interpreter and the generated worlds lie beside the laws, in the folder `support`."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent / "support"))
