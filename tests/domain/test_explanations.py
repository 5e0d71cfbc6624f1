"""What people write into the log says something."""

import pytest

from tailguard.domain.explanations import PLAN_LETTERS, explanation
from tailguard.errors import InputError


def test_an_explanation_is_kept_without_the_white_space_around_it() -> None:
    assert explanation("  ten letters \n", "A freeze needs a reason") == "ten letters"


@pytest.mark.parametrize("text", ["", "because", "   nine char   "])
def test_white_space_does_not_make_an_explanation_longer(text: str) -> None:
    with pytest.raises(InputError, match="A freeze needs a reason of at least 10 letters, found"):
        explanation(text, "A freeze needs a reason")


def test_a_plan_may_be_shorter_than_a_reason() -> None:
    assert explanation("retag", "An assignment needs a plan", letters=PLAN_LETTERS) == "retag"
