"""Doctor on buckets: both clients are tried, and what is missing is told with how to mend it."""

from flows.doctor import Finding, examine
from flows.settings import load_settings
from tests.buckets import Buckets
from tests.made import jpeg, photograph


def found(source: str, root: str) -> dict[str, list[Finding]]:
    told: dict[str, list[Finding]] = {}
    for one in examine(load_settings(None, {"source": source, "root": root})):
        told.setdefault(one.what, []).append(one)
    return told


def test_examine__buckets(s3: Buckets) -> None:
    source, root = s3.make("source"), s3.make("root")
    s3.put(source, "a.jpg", jpeg(photograph(1)))
    fine = found(source, f"{root}/new")
    assert [one.fine for one in (*fine["source"], *fine["root"])] == [True] * 3
    assert "boto3 reads and writes" in fine["root"][0].told
    assert "Lance reads and writes" in fine["root"][1].told
    assert s3.keys(root) == {}
    s3.faults.deaf = True
    assert "If-None-Match" in found(source, f"{root}/new")["root"][0].told
    s3.faults.refuse = lambda method, path: (403, "AccessDenied") if method in ("HEAD", "PUT") else None
    closed = found(source, f"{root}/new")
    assert "ask for the right" in closed["source"][1].told
    assert [one.fine for one in closed["root"]] == [False, False]
    assert "s3:PutObject" in closed["root"][0].told
    assert "There is no bucket" in found(source, "s3://no-such-bucket-here")["root"][0].told
