"""policy.toml: the template works with a name, and every mistake is named with its line."""

from __future__ import annotations

import pytest

from tailguard.domain.measures import Measure
from tailguard.errors import InputError
from tailguard.policy.reading import parse_policy, template


def test_the_template_works_with_only_a_name() -> None:
    policy = parse_policy(template('O"Neil'), "policy.toml")

    assert policy.quality_owner == 'O"Neil'
    assert policy.lineages["main"].mode == "enforce"
    assert policy.approvers() == ('O"Neil',)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ceiling = 0.30", "ceiling = 1.30", "lineages.main.ceiling: Input should be less than or equal to 1, found 1.3"),
        ("ceiling = 0.30", "cieling = 0.30", "unknown key 'lineages.main.cieling'. Did you mean 'ceiling'?"),
        ('mixing = "ada"', 'mixing = ["ada", "lin"]', "plays.mixing has 2 owners. A play has exactly one"),
        ('mixing = "ada"', "", "plays.mixing is missing"),
        ('quality_owner = "ada"', 'quality_owner = ""', "quality_owner"),
        ("max_days = 30", "max_days = 0", "overrides.max_days"),
        ("max_days = 30", 'max_days = "thirty"', "overrides.max_days"),
        ('mode = "enforce"', 'mode = "warn"', "found 'warn'"),
        ('trainer = "ngram"', 'trainer = "command"', "there is no [trainers.command]"),
        ("policy_version = 1", "policy_version = 2", "policy_version"),
        ("alpha = 0.05", "alpha = 0.05 0.1", "not valid TOML"),
        ("[lineages.main]", "[lineages.Main Line]", "not valid TOML"),
        ('policy_version = 1', 'policy_version = 1\nsurprise = 1', "unknown key 'surprise'"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(old: str, new: str, message: str) -> None:
    text = template("ada")
    assert old in text

    with pytest.raises(InputError) as caught:
        parse_policy(text.replace(old, new, 1), "policy.toml")

    assert message in str(caught.value)


def test_the_line_of_a_mistake_is_the_line_in_the_file() -> None:
    text = template("ada").replace("ceiling = 0.30", "ceiling = 7.0")
    line = 1 + text[: text.index("ceiling = 7.0")].count("\n")

    with pytest.raises(InputError, match=rf"policy\.toml line {line}: "):
        parse_policy(text, "policy.toml")


def test_an_unknown_lineage_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"It knows main\. Did you mean 'main'"):
        parse_policy(template("ada"), "p").lineage("mian")


def test_slices_gate_with_margins_of_their_own_by_what_they_are_measured_by() -> None:
    gate = parse_policy(template("ada") + "\n[gate.slices.recipes]\nusable = 0.1\n", "policy.toml").gate
    assert gate.slices == {"recipes": {Measure.USABLE: 0.1}}
    with pytest.raises(InputError, match="slice 'recipes' has a margin for rare_density; slices gate by usable, type_"):
        parse_policy(template("ada") + "\n[gate.slices.recipes]\nrare_density = 0.1\n", "policy.toml")
    with pytest.raises(InputError, match=r"gate\.slices\.recipes"):
        parse_policy(template("ada") + "\n[gate.slices.recipes]\n", "policy.toml")
