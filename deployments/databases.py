"""Where Prefect and MLflow keep their state: one PostgreSQL database, a schema each, or a SQLite file each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks.store.errors import UsageError, WinnowError

if TYPE_CHECKING:
    from sqlalchemy import URL

MLFLOW_SCHEMA = "mlflow"
"""MLflow's tables stand apart: both it and Prefect call a table `alembic_version`."""


def prefect_connection(database: str | None, data: Path) -> str:
    """Prefect's connection URL, for asyncpg or aiosqlite. Raises UsageError."""
    if database is None:
        return f"sqlite+aiosqlite:///{data / 'prefect' / 'prefect.db'}"
    url, encryption = _parts(database)
    return _rendered(url.set(drivername="postgresql+asyncpg").update_query_dict({"ssl": encryption}))


def mlflow_store(database: str | None, data: Path) -> str:
    """MLflow's backend store, in a schema of its own. Raises UsageError."""
    if database is None:
        return f"sqlite:///{data / 'mlflow' / 'mlflow.db'}"
    url, encryption = _parts(database)
    path = {"options": f"-csearch_path={MLFLOW_SCHEMA}", "sslmode": encryption}
    return _rendered(url.set(drivername="postgresql+psycopg").update_query_dict(path))


def make_ready(database: str | None, data: Path) -> None:
    """Make the folders, or the schema. Raises WinnowError if PostgreSQL does not let us."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("logs", "prefect", "mlflow"):
        (data / name).mkdir(exist_ok=True, mode=0o700)
    if database is None:
        return
    import psycopg

    url, encryption = _parts(database)
    plain = _rendered(url.set(drivername="postgresql").update_query_dict({"sslmode": encryption}))
    try:
        with psycopg.connect(plain, connect_timeout=10) as connection:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {MLFLOW_SCHEMA}")  # type: ignore[arg-type, unused-ignore]
    except psycopg.Error as error:
        said = " ".join(str(error).split())[:300]
        raise WinnowError(
            f"PostgreSQL at {url.render_as_string()} does not serve ({said}); start it or mend service.database, or "
            "leave that empty for SQLite."
        ) from error


def _parts(database: str) -> tuple[URL, str]:
    """The URL without driver and encryption, and the encryption: both drivers have names of their own for it."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(database)
    except (ArgumentError, ValueError) as error:
        raise UsageError("service.database is no address, as postgresql://USER@HOST/NAME.") from error
    encryption = url.query.get("sslmode") or url.query.get("ssl") or "prefer"
    return url.difference_update_query(["sslmode", "ssl"]), str(encryption)


def _rendered(url: URL) -> str:
    return url.render_as_string(hide_password=False)
