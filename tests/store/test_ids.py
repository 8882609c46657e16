"""Ids tell different things apart and never depend on when or by whom they were seen."""

from hypothesis import given
from hypothesis import strategies as st

from tasks.store.ids import batch_id, content_id, make_id, object_id


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_make_id__equal_only_for_equal_parts(left: list[str], right: list[str]) -> None:
    assert (make_id(*left) == make_id(*right)) == (left == right)


def test_content_id__is_what_b3sum_prints() -> None:
    # the first test vector of the BLAKE3 specification: no bytes
    assert content_id(b"") == "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"


def test_object_id__changes_with_uri_version_and_pass() -> None:
    ids = {object_id("a", "1", 0), object_id("b", "1", 0), object_id("a", "2", 0), object_id("a", "1", 1)}
    assert len(ids) == 4


def test_batch_id__is_readable_and_depends_on_order() -> None:
    assert batch_id("b", ["x", "y"]).startswith("b-")
    assert batch_id("b", ["x", "y"]) != batch_id("b", ["y", "x"])
