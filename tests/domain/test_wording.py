"""Numbers and the words after them agree."""

from tailguard.domain.wording import counted


def test_one_and_several() -> None:
    assert [counted(count, "loop is", "loops are") for count in (0, 1, 2)] == [
        "0 loops are",
        "1 loop is",
        "2 loops are",
    ]
    assert counted(1200, "record") == "1,200 records"
