"""A run's name says its lineage and its number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailguard.domain.runs import file_name_of, lineage_of, number_of, run_name


@given(lineage=st.from_regex(r"[a-z0-9_-]{1,40}", fullmatch=True), number=st.integers(0))
def test_a_name_is_read_back_as_it_was_made(lineage: str, number: int) -> None:
    run = run_name(lineage, number)

    assert (lineage_of(run), number_of(run)) == (lineage, number)
    assert "/" not in file_name_of(run)


def test_what_names_no_run_has_no_lineage_and_no_number() -> None:
    assert lineage_of("main") == ""
    with pytest.raises(ValueError, match="main"):
        number_of("main")
