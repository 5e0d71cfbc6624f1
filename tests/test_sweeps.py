"""Lists that tests walk name everything that there is."""

from __future__ import annotations

import pytest

from tests.sweeps import ROOT, constant, page_names


@pytest.mark.parametrize("walker", ["tests/pages/opening.py", "tests/browser/test_hostile.py"])
def test_no_page_is_left_out_by_a_test_that_walks_all_pages(walker: str) -> None:
    walked = {page or "overview" for page in constant((ROOT / walker).read_text(), "PAGES")}

    assert walked == page_names()


def test_a_list_is_read_as_it_is_written() -> None:
    assert constant("PAGES = ('runs', 'gates')", "PAGES") == ("runs", "gates")
    with pytest.raises(LookupError):
        constant("pages = ()", "PAGES")
