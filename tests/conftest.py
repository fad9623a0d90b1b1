"""For every test: nothing is written to the user's own database."""

from __future__ import annotations

import os

os.environ["CDS_DATABASE_URL"] = "memory:"
