"""What start-up builds is out of the garbage collector's rounds once the service answers, in every worker."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import asyncio, gc
from cds_service.web.app import app_from_environment

async def main():
    app = app_from_environment()
    async with app.router.lifespan_context(app):
        print(*gc.get_threshold(), gc.get_freeze_count() > 100_000)

asyncio.run(main())
"""


def test_the_collector_is_spared_from_start_up_on() -> None:
    environment = {"CDS_DATABASE_URL": "memory:"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.split() == ["100000", "50", "100", "True"], done.stderr
