"""Exit criteria have a key in the log and words for people."""

from tailguard.domain.stages import EXIT_CRITERIA, Requirement, Waiver, waiver_label


def test_every_requirement_has_a_key_and_a_label_of_its_own_and_is_asked_by_one_stage() -> None:
    asked = [requirement for requirements in EXIT_CRITERIA.values() for requirement in requirements]

    assert sorted(asked) == sorted(Requirement)
    assert all(requirement.replace("-", "").isalpha() for requirement in Requirement)
    assert len({requirement.label for requirement in Requirement}) == len(Requirement)


def test_a_waiver_is_told_in_words_and_an_override_by_its_id() -> None:
    assert [waiver_label(waived_by) for waived_by in (Waiver.OBSERVE, Waiver.FINDING, "override-3")] == [
        "observe mode",
        "a finding",
        "override-3",
    ]
