"""Runs flows in forked processes that kill themselves, whole group, at a chosen durable operation.

A process of its own imports everything once and forks a twin for every socket that it is sent. A twin forks a run for
every line of JSON that it reads there: source, root, journal, kill_at, keep_at, kept, locked, overrides. It answers
with one line of JSON: how the run ended, and the durable operations that it began. Every write, rename, link and delete
in the root and every insert into a table is such an operation, so killing before each of them in turn leaves no instant
out between which anything durable changes.
"""

import atexit
import contextlib
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

import flows.curate
import flows.select
from tasks.store import folder, tables


class Killer:
    """Counts durable operations, writes each one's name down before it begins, and kills before number `kill_at`.

    Before the first operation of each name in `keep_at` it copies what is in the root to a folder of that number: what
    is there if the run is killed then.
    """

    def __init__(self, asked: dict[str, Any]) -> None:
        self.journal, self.root, self.kept = (Path(asked[name]) for name in ("journal", "root", "kept"))
        self.kill_at, self.keep_at, self.count = asked["kill_at"], dict(enumerate(asked["keep_at"])), 0
        self.journal.write_text("")

    def wrap(self, name: Callable[..., str], real: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*args: Any, **options: Any) -> Any:
            self.count += 1
            operation = name(*args)
            with self.journal.open("a") as journal:
                journal.write(operation + "\n")
            self.keep(operation)
            if self.count == self.kill_at:
                os.killpg(0, signal.SIGKILL)
            return real(*args, **options)

        return guarded

    def keep(self, operation: str) -> None:
        for number in [number for number, name in self.keep_at.items() if name in operation]:
            del self.keep_at[number]
            (self.kept / str(number)).mkdir(parents=True)
            if self.root.exists():
                shutil.copytree(self.root, self.kept / str(number), dirs_exist_ok=True)


def run(asked: dict[str, Any]) -> None:
    """One run of both flows."""
    from tests.pipeline import curate, select, settings_for

    if not asked["locked"]:
        flows.curate.locked = flows.select.locked = lambda *_: contextlib.nullcontext()  # type: ignore[assignment]
    killer = Killer(asked)
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
    """Import everything, then fork a twin for every socket."""
    warm_up()
    control = socket.socket(fileno=int(sys.argv[1]))
    while True:
        _, sockets, _, _ = socket.recv_fds(control, 1, 1)
        if not sockets:
            break
        if os.fork() == 0:
            control.close()
            serve(socket.socket(fileno=sockets[0]))
            os._exit(0)
        os.close(sockets[0])
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()


def warm_up() -> None:
    """Import what runs need, and let Great Expectations find its expectations, so that no run has to."""
    import duckdb
    import faiss
    import ffmpeg
    import filelock
    import great_expectations
    import lance
    import prefect.artifacts

    from tasks.gate.checks import Suite, share
    from tasks.gate.judge import validate

    assert all((duckdb, faiss, ffmpeg, filelock, great_expectations, lance, prefect.artifacts))
    made = Suite([share("one", "a share", 1, "warning")], {"rows": pd.DataFrame({"one": [1]})})
    assert validate(made)[0].success


def serve(asking: socket.socket) -> None:
    """Fork a run for every line, and answer how it ended."""
    with asking.makefile("rw") as lines:
        for line in lines:
            asked = json.loads(line)
            child = os.fork()
            if child == 0:
                os._exit(carry_out(asked))
            _, status = os.waitpid(child, 0)
            begun = Path(asked["journal"]).read_text().split("\n")[:-1]
            answer = {"signal": os.WTERMSIG(status), "code": os.WEXITSTATUS(status), "begun": begun}
            lines.write(json.dumps(answer) + "\n")
            lines.flush()


def carry_out(asked: dict[str, Any]) -> int:
    """In a process of its own: the run; its exit code."""
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
    return code


if __name__ == "__main__":
    main()
