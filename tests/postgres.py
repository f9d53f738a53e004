"""A real PostgreSQL of our own, for as long as the tests run."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

USER, PASSWORD = "owner", "s3cret/@:#?"


@dataclass(frozen=True)
class Server:
    """A server that trusts who comes through the socket's folder, and asks for PASSWORD on 127.0.0.1:port."""

    socket: Path
    port: int

    @property
    def url(self) -> str:
        """Return a URL that needs no password."""
        return f"postgresql://{USER}@/postgres?host={self.socket}&port={self.port}"


def binaries() -> Path | None:
    """Return the folder with initdb and pg_ctl; None where PostgreSQL is not installed."""
    found = [Path(p).resolve().parent for p in (shutil.which("initdb"),) if p]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: -float(p.parent.name))
    return next((p for p in found if (p / "initdb").exists() and (p / "pg_ctl").exists()), None)


@contextmanager
def started(folder: Path) -> Iterator[Server]:
    """Start a server with the binaries in `folder`, as another user where we are root, and stop it at the end."""
    home = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path has 107 characters at most
    (home / "password").write_text(PASSWORD)
    other = _other_user() if os.geteuid() == 0 else {}
    if other:
        for path in (home, home / "password"):
            os.chown(path, other["user"], other["group"])

    def run(*command: object) -> None:
        with (home / "said").open("a") as said:  # a server that lives on would hold a pipe open
            subprocess.run([str(c) for c in command], check=True, cwd=home, stdout=said, stderr=said, **other)

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    try:
        who = ("-U", USER, "--pwfile", home / "password", "--auth-local=trust", "--auth-host=scram-sha-256")
        run(folder / "initdb", "-D", home / "data", *who, "--no-sync", "-E", "UTF8", "--locale=C")
        options = f"-k {home} -p {port} -c listen_addresses=127.0.0.1 -c fsync=off"
        run(folder / "pg_ctl", "-D", home / "data", "-w", "-l", home / "log", "-o", options, "start")
        try:
            yield Server(home, port)
        finally:
            run(folder / "pg_ctl", "-D", home / "data", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _other_user() -> dict[str, Any]:
    names = {p.pw_name: p for p in pwd.getpwall()}
    chosen = names.get("postgres") or names["nobody"]
    return {"user": chosen.pw_uid, "group": chosen.pw_gid, "extra_groups": []}
