"""Runs flows in forked processes that kill themselves, whole group, at a chosen durable operation.

A process of its own imports everything once and forks a run for every line of JSON that it reads: source, root,
journal, kill_at, locked, overrides. It answers with one line of JSON: how the run ended, and the durable operations
that it began. Every write, rename, link and delete in the root and every insert into a table is such an operation, so
killing before each of them in turn leaves no instant out between which anything durable changes.
"""

import atexit
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flows.curate
import flows.select
from tasks.store import folder, tables


class Killer:
    """Counts durable operations, writes each one's name down before it begins, and kills before number `kill_at`."""

    def __init__(self, journal: Path, kill_at: int) -> None:
        self.journal, self.kill_at, self.count = journal, kill_at, 0
        journal.write_text("")

    def wrap(self, name: Callable[..., str], real: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*args: Any, **options: Any) -> Any:
            self.count += 1
            with self.journal.open("a") as journal:
                journal.write(name(*args) + "\n")
            if self.count == self.kill_at:
                os.killpg(0, signal.SIGKILL)
            return real(*args, **options)

        return guarded


def run(asked: dict[str, Any]) -> None:
    """One run of both flows."""
    from tests.pipeline import curate, select, settings_for

    if not asked["locked"]:
        flows.curate.locked = flows.select.locked = lambda *_: contextlib.nullcontext()  # type: ignore[assignment]
    killer = Killer(Path(asked["journal"]), asked["kill_at"])
    for verb in ("write", "create", "copy", "delete"):
        real = getattr(folder.Folder, verb)
        setattr(folder.Folder, verb, killer.wrap(lambda _self, uri, *_rest, verb=verb: f"{verb} {_short(uri)}", real))
    folder._written_beside = killer.wrap(lambda path, _content: f"written beside {path.name}", folder._written_beside)
    tables.insert = killer.wrap(lambda _root, table, rows: f"insert {table.name}{_event(table, rows)}", tables.insert)
    settings = settings_for(Path(asked["source"]), Path(asked["root"]), **asked["overrides"])
    curate(settings)
    select(settings)


def _short(uri: str) -> str:
    return "/".join(uri.rsplit("/", 3)[-2:])


def _event(table: Any, rows: Any) -> str:
    return f" {rows['event'][0]} {rows['stage'][0]}" if table.name == "batches" else ""


def main() -> None:
    """Import everything, then fork a run for every line."""
    import faiss
    import great_expectations
    import great_expectations.expectations
    import lance

    assert all((faiss, great_expectations, lance))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            os.setsid()
            quiet = os.open(asked["journal"] + ".stderr", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            code = 0
            try:
                run(asked)
            except BaseException:
                import traceback

                traceback.print_exc()
                code = 1
            sys.stderr.flush()
            with contextlib.suppress(ProcessLookupError):
                atexit._run_exitfuncs()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        begun = Path(asked["journal"]).read_text().split("\n")[:-1]
        answer = {"signal": os.WTERMSIG(status), "code": os.WEXITSTATUS(status), "begun": begun}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
