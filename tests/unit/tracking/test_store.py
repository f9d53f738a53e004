from __future__ import annotations

import logging
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from smartaccounts.errors import ModelError
from smartaccounts.tracking import store as stores
from smartaccounts.tracking.content import Training
from smartaccounts.tracking.leaderboard import leaderboard
from smartaccounts.tracking.log import log_training
from smartaccounts.tracking.registry import fetch, promote, rollback
from smartaccounts.tracking.store import Store, reached, store_at

CREATE = """
import sys
from pathlib import Path
from smartaccounts.tracking.store import reached, store_at
with reached(store_at(Path(sys.argv[1]))) as (_, client):
    client.create_experiment(sys.argv[2])
"""


@pytest.fixture(autouse=True)
def _no_uri(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_the_store_is_a_database_in_mlruns_of_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert store_at() == store_at(tmp_path)
    assert store_at().uri == f"sqlite:///{tmp_path}/mlruns/mlflow.db"
    assert store_at().artifacts == (tmp_path / "mlruns" / "artifacts").as_uri()
    assert not store_at().exists
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("uri", "expected", "artifacts"),
    [
        ("http://host:5000", "http://host:5000", None),
        ("sqlite:///sub/runs.db", "sqlite:///{here}/sub/runs.db", "file://{here}/sub/artifacts"),
        ("sqlite:////srv/runs.db", "sqlite:////srv/runs.db", "file:///srv/artifacts"),
        ("postgresql://u:p@host/db", "postgresql://u:p@host/db", "file://{here}/mlruns/artifacts"),
    ],
)
def test_mlflow_tracking_uri_decides_where_it_is_set(
    uri: str, expected: str, artifacts: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    wanted = artifacts and artifacts.format(here=tmp_path)
    assert store_at() == Store(expected.format(here=tmp_path), wanted)


@pytest.mark.parametrize("uri", ["mlruns", "file:///mlruns", "ftp://host"])
def test_a_folder_is_no_store(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(ModelError, match="in MLFLOW_TRACKING_URI") as raised:
        store_at()
    assert "sqlite:///mlruns/mlflow.db" in raised.value.hint


def test_a_folder_name_that_a_uri_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="without %"):
        store_at(tmp_path / "50%")


def test_a_password_is_not_shown() -> None:
    assert Store("postgresql://user:secret@host/db", None).shown == "postgresql://***@host/db"


@pytest.mark.slow
def test_spaces_and_umlauts_in_the_folder(store: Store, training: Training, tmp_path: Path) -> None:
    assert store.database is not None
    moved = tmp_path / "Müller & Söhne" / "mlruns"
    moved.mkdir(parents=True)
    store.database.rename(moved / "mlflow.db")
    run_id = log_training(store_at(moved.parent), training).run_id
    assert (moved / "artifacts" / "shop" / run_id / "artifacts" / "bundle" / "bundle.json").is_file()


@pytest.mark.slow
def test_two_processes_create_the_store_at_once_and_say_nothing(tmp_path: Path) -> None:
    commands = [[sys.executable, "-c", CREATE, str(tmp_path), name] for name in ("one", "two")]
    running = [subprocess.Popen(c, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for c in commands]
    said = [process.communicate(timeout=110)[0] for process in running]
    assert said == ["", ""]
    assert [process.returncode for process in running] == [0, 0]
    with reached(store_at(tmp_path)) as (_, client):
        there = {e.name: e.artifact_location for e in client.search_experiments()}
    assert set(there) == {"Default", "one", "two"}
    assert there["Default"].startswith((tmp_path / "mlruns" / "artifacts").as_uri())
    assert {p.name for p in (tmp_path / "mlruns").iterdir()} == {"mlflow.db", ".mlflow.db.lock"}


def test_an_interrupted_creation_leaves_no_half_made_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(database: Path, _: str | None) -> None:
        database.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(stores, "_migrate", stop)
    with pytest.raises(KeyboardInterrupt), reached(store_at(tmp_path)):
        pass
    assert [p.name for p in (tmp_path / "mlruns").iterdir()] == [".mlflow.db.lock"]


def test_a_file_that_is_no_database_is_an_error_that_says_where(tmp_path: Path) -> None:
    (tmp_path / "mlruns").mkdir()
    (tmp_path / "mlruns" / "mlflow.db").write_text("no database " * 200)
    with pytest.raises(ModelError, match="file is not a database") as raised, reached(store_at(tmp_path)):
        pass
    assert str(tmp_path) in raised.value.message
    assert "Move the file away" in raised.value.hint


def test_a_folder_in_the_place_of_the_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "mlruns" / "mlflow.db").mkdir(parents=True)
    with pytest.raises(ModelError, match="Expected an MLflow store"), reached(store_at(tmp_path)):
        pass


def test_a_file_in_the_place_of_mlruns_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "mlruns").write_text("")
    with pytest.raises(ModelError, match="Expected an MLflow store"), reached(store_at(tmp_path)):
        pass


def test_a_store_of_an_older_mlflow_names_the_command_that_upgrades_it(store: Store) -> None:
    assert store.database is not None
    with closing(sqlite3.connect(store.database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
        connection.commit()
    with pytest.raises(ModelError, match="got an older one") as raised, reached(store) as (_, client):
        client.search_experiments()
    assert f"mlflow db upgrade {store.uri}" in raised.value.hint


def test_a_server_that_does_not_answer_is_an_error_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://someone:secret@127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(ModelError, match="Connection refused") as raised, reached(store_at()):
        pass
    assert "Start the server" in raised.value.hint
    assert "secret" not in str(raised.value)


class _Refusing(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(401)

    def log_message(self, *_: object) -> None:
        pass


def test_a_server_that_lets_nobody_in_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with HTTPServer(("127.0.0.1", 0), _Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(ModelError, match="401") as raised, reached(store_at()) as (_, client):
            client.get_experiment_by_name("x")
        server.shutdown()
    assert "Start the server" in raised.value.hint


@pytest.fixture
def server(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve a store of its own, as the README of mlruns says."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"--backend-store-uri {store.uri} --artifacts-destination {tmp_path}/served --port {port} --workers 1"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", *options.split()]
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    uri = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, cwd=tmp_path, start_new_session=True, **quiet) as process:
        try:
            for _ in range(300):
                with suppress(OSError):
                    urllib.request.urlopen(f"{uri}/health", timeout=5).close()
                    break
                time.sleep(0.2)
            yield uri
        finally:
            os.killpg(process.pid, signal.SIGTERM)


@pytest.mark.slow
def test_a_training_is_logged_promoted_and_fetched_through_a_server(
    server: str, training: Training, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    shared = store_at()
    logged = log_training(shared, training)
    assert promote(shared, "shop") == logged.version == 1
    assert fetch(shared, "shop", "champion").version == training.bundle.version
    (row,) = leaderboard(shared, "shop")
    assert (row.run_id, row.aliases) == (logged.run_id, ("challenger", "champion"))
    with pytest.raises(ModelError, match="in service before version 1"):
        rollback(shared, "shop")
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_a_deleted_experiment_names_the_command_that_restores_it(store: Store, training: Training) -> None:
    logged = log_training(store, training)
    with reached(store) as (_, client):
        experiment = client.get_run(logged.run_id).info.experiment_id
        client.delete_experiment(experiment)
    with pytest.raises(ModelError, match="got a deleted one") as raised:
        log_training(store, training)
    assert raised.value.hint.endswith(f"mlflow experiments restore --experiment-id {experiment}")


def test_logging_warnings_and_environment_are_as_before(store: Store) -> None:
    environment, disabled = dict(os.environ), logging.root.manager.disable
    filters = list(warnings.filters)
    with reached(store):
        assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
        logging.getLogger("mlflow").error("not seen")
    assert dict(os.environ) == environment
    assert logging.root.manager.disable == disabled
    assert list(warnings.filters) == filters


@pytest.mark.slow
def test_importing_the_folder_does_not_import_mlflow() -> None:
    modules = "content, leaderboard, library, log, model, registry, store"
    code = f"import sys; from smartaccounts.tracking import {modules}; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
