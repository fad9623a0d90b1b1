"""A PostgreSQL server of the tests' own, in a folder that is thrown away, reached over a socket there."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def server_programs() -> Path | None:
    """The folder of initdb and postgres: on the path, or where Debian puts its newest version."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return installed[-1].parent if installed else None


def need_postgresql() -> Path:
    """The server's programs; skips the test where there are none, unless everything is required."""
    programs = server_programs()
    try:
        import psycopg  # noqa: F401
    except ImportError:
        programs = None
    if programs is None:
        if os.environ.get("CDS_REQUIRE_ALL") == "1":
            pytest.fail("PostgreSQL is required (CDS_REQUIRE_ALL=1): install Debian's postgresql and psycopg")
        pytest.skip("PostgreSQL is not installed")
    return programs


@contextmanager
def postgresql_server() -> Iterator[str]:
    """The URL of a server without databases of ours, `{}` standing for the database's name."""
    programs = need_postgresql()
    folder = Path(tempfile.mkdtemp(prefix="cds-pg-"))
    as_whom = _server_user(folder)
    data = folder / "data"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, **as_whom}
    initialise = [programs / "initdb", "-D", data, "-U", "cds", "-A", "trust", "-E", "UTF8", "--no-sync"]
    start = [programs / "pg_ctl", "-D", data, "-w", "-o", f"-k {folder} -c listen_addresses='' -c fsync=off", "start"]
    try:
        subprocess.run(initialise, check=True, timeout=120, **quiet)
        subprocess.run(start, check=True, timeout=120, **quiet)
        yield f"postgresql://cds@/{{}}?host={folder}"
    finally:
        stop = [programs / "pg_ctl", "-D", data, "-m", "immediate", "stop"]
        subprocess.run(stop, check=False, timeout=60, **quiet)
        shutil.rmtree(folder, ignore_errors=True)


def _server_user(folder: Path) -> dict[str, int]:
    """PostgreSQL refuses to run as root: then as an unprivileged user, who gets the folder."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(folder, user.pw_uid, user.pw_gid)
        return {"user": user.pw_uid, "group": user.pw_gid}
    pytest.skip("no unprivileged user to run PostgreSQL as")
