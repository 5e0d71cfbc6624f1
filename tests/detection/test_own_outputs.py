"""Our own models' texts are recognised: whole, edited, as a part; and nobody else's are."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailguard.detection.own_outputs import grams, segments
from tailguard.detection.own_outputs.clusters import clusters
from tailguard.detection.own_outputs.index import Match, OwnOutputs, own_outputs
from tailguard.detection.texts import pack
from tailguard.domain.own_output import MatchKind
from tailguard.domain.records import record_id
from tailguard.store.files import Store
from tests.builders import passages

OURS = passages()[:1500]
OTHERS = passages()[1500:4500]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def own(store: Store) -> OwnOutputs:
    logged = [
        ("main/0", segments.keep_segment(store, OURS[:700])),
        ("main/1", segments.keep_segment(store, OURS[700:])),
    ]
    return own_outputs(store, logged, store.root / "cache", anchor=None)


def match(own: OwnOutputs, texts: list[str]) -> list[Match | None]:
    return own.match(texts, [record_id(text) for text in texts])


def edited(text: str, share: float, rng: random.Random) -> str:
    words = text.split()
    for at in rng.sample(range(len(words)), round(share * len(words))):
        words[at] = rng.choice(("walnut", "quietly", "forty", "seen", "upon"))
    return " ".join(words)


def test_every_exact_copy_is_found_with_the_generation_that_wrote_it(own: OwnOutputs) -> None:
    found = match(own, [f"  {text.replace(' ', '  ')} \n" for text in OURS])

    assert all(match and match.kind is MatchKind.EXACT_COPY and match.share == 1.0 for match in found)
    assert [match.generation for match in found if match] == ["main/0"] * 700 + ["main/1"] * 800


def test_a_tenth_of_the_words_changed_is_still_found(own: OwnOutputs) -> None:
    rng = random.Random(0)  # noqa: S311  a sample, not a secret
    long = [text for text in OURS if len(text.split()) >= 40]

    found = match(own, [edited(text, 0.1, rng) for text in long])

    assert sum(match is not None for match in found) / len(long) >= 0.99


def test_fifty_words_of_ours_in_a_longer_text_are_found_at_their_place(own: OwnOutputs) -> None:
    rng = random.Random(1)  # noqa: S311  a sample, not a secret
    long = [text for text in OURS if len(text.split()) >= 55]
    hidden, places = [], []
    for text in long:
        around = " ".join(rng.sample(OTHERS, 12)).split()[:450]
        passage = " ".join(text.split()[:50])
        before = " ".join(around[:200])
        hidden.append(f"{before} {passage} {' '.join(around[200:])}")
        places.append((len(before) + 1, len(before) + 1 + len(passage)))

    found = match(own, hidden)

    hits = [(match, place) for match, place in zip(found, places, strict=True) if match]
    assert len(hits) / len(long) >= 0.9
    near = [hit for hit, (start, stop) in hits if any(a < stop and b > start for a, b in hit.spans)]
    assert len(near) / len(hits) > 0.97
    assert sum(match.kind is MatchKind.PASSAGE for match in near) / len(near) > 0.9


def test_other_texts_are_not_called_ours(own: OwnOutputs) -> None:
    def phrases(text: str) -> set[str]:
        words = re.findall(r"\w+", text.lower())
        return {" ".join(words[at : at + 8]) for at in range(len(words) - 7)}

    ours = set().union(*map(phrases, OURS))
    unrelated = [text for text in OTHERS if not phrases(text) & ours]

    found = match(own, unrelated)

    assert len(unrelated) > 1000
    assert sum(match is not None for match in found) <= 0.01 * len(unrelated), (
        "phrases of one house style, each under 8 words"
    )
    rng = random.Random(3)  # noqa: S311  a sample, not a secret
    shuffled = [" ".join(rng.sample(text.split(), len(text.split()))) for text in OURS]
    assert sum(matched is not None for matched in match(own, shuffled)) <= 2, (
        "a text of one repeated word is its own shuffle"
    )


def test_phrases_of_the_anchor_are_nobodys_own(store: Store) -> None:
    """A model repeats the phrases that it was taught; a person who writes them again copies nobody."""
    anchor = store.put_table("anchors", pa.table({"text": list(OURS[:100])}))
    logged = [("main/0", segments.keep_segment(store, [f"well {text} then" for text in OURS[:200]]))]

    own = own_outputs(store, logged, store.root / "cache2", anchor=anchor)
    found = match(own, [f"so {text} now" for text in OURS[:200] if len(text.split()) > 30])
    known = sum(len(text.split()) > 30 for text in OURS[:100])

    assert not any(found[:known])
    assert all(found[known:])


def test_the_index_does_not_depend_on_how_outputs_were_handed_in(store: Store) -> None:
    whole = [("g", segments.keep_segment(store, OURS[:300]))]
    parts = [("g", segments.keep_segment(store, OURS[at : at + 100])) for at in (0, 100, 200)]

    of_whole, of_parts = (
        own_outputs(store, logged, store.root / name, anchor=None) for name, logged in (("a", whole), ("b", parts))
    )

    for name in ("grams", "owners", "prints", "print_owners", "whole", "prefix"):
        assert np.array_equal(of_whole._arrays[name], of_parts._arrays[name]), name
    assert len(list((store.root / "a").iterdir())) == 1


def test_an_earlier_index_makes_room_for_the_newer_one(store: Store) -> None:
    folder = store.root / "grows"
    logged = [("g", segments.keep_segment(store, OURS[:50]))]
    own_outputs(store, logged, folder, anchor=None)
    logged.append(("h", segments.keep_segment(store, OURS[50:80])))

    own = own_outputs(store, logged, folder, anchor=None)

    assert len(own) == 80
    assert len(list(folder.iterdir())) == 1


def test_the_index_is_what_sorting_all_segments_at_once_gives(store: Store) -> None:
    texts = [OURS[:40], OURS[30:70], OURS[:10]]
    logged = [(f"main/{number}", segments.keep_segment(store, some)) for number, some in enumerate(texts)]
    anchor = store.put_table("anchors", pa.table({"text": list(OURS[5:15])}))
    parts = [segments.opened(store.folder(segments.KIND, digest)) for _, digest in logged]
    keys = np.concatenate([part["grams"] for part in parts])
    owners = np.concatenate([part["owners"] + start for part, start in zip(parts, (0, 40, 80), strict=True)])
    order = np.lexsort((owners, keys))
    keys, owners = keys[order], owners[order]
    stays = ~np.isin(keys, segments.all_grams(OURS[5:15]))
    stays[grams.COMMON :] &= keys[grams.COMMON :] != keys[: -grams.COMMON]

    own = own_outputs(store, logged, store.root / "merged", anchor=anchor)

    assert np.array_equal(own._arrays["grams"], keys[stays])
    assert np.array_equal(own._arrays["owners"], owners[stays])


def test_an_index_made_from_what_was_kept_of_the_anchor_is_the_same_and_names_the_anchor(store: Store) -> None:
    folder = store.root / "kept"
    anchor = store.put_table("anchors", pa.table({"text": list(OURS[:20])}))
    first = [("main/0", segments.keep_segment(store, OURS[:50]))]
    second = [*first, ("main/1", segments.keep_segment(store, OURS[50:80]))]
    own_outputs(store, first, folder, anchor=anchor)
    store.touched.clear()

    own = own_outputs(store, second, folder, anchor=anchor)

    fresh = own_outputs(store, second, store.root / "fresh", anchor=anchor)
    assert all(np.array_equal(own._arrays[name], fresh._arrays[name]) for name in ("grams", "owners", "prints"))
    assert f"anchors/{anchor}.parquet" in store.touched


@settings(max_examples=200)
@given(st.text(max_size=400))
def test_words_and_their_places_never_leave_the_text(text: str) -> None:
    data = pack([text]).data
    hashes, begins, ends = (
        np.zeros(len(data) + 1, np.uint64),
        np.zeros(len(data) + 1, np.int64),
        np.zeros(len(data) + 1, np.int64),
    )

    count = grams.words(data, 0, len(data), hashes, begins, ends)

    assert all(0 <= begins[at] < ends[at] <= len(data) for at in range(count))
    assert all(ends[at] <= begins[at + 1] for at in range(count - 1))


def test_case_quotes_and_punctuation_do_not_hide_a_copy(own: OwnOutputs) -> None:
    text = max(OURS, key=len)

    (found,) = match(own, [text.upper().replace("'", "\u2019").replace(",", " \u2014 ")])

    assert found is not None
    assert found.kind is MatchKind.NEAR_DUPLICATE


def test_near_duplicates_form_one_group() -> None:
    rng = random.Random(2)  # noqa: S311  a sample, not a secret
    long = [text for text in OTHERS if len(text.split()) > 40][:20]
    texts = [*long, *(edited(text, 0.05, rng) for text in long), "short one", "short one", ""]

    found = clusters(texts)

    assert found[:20] == list(range(20))
    assert found[20:40] == list(range(20))
    assert clusters([]) == []


def test_a_missing_segment_is_named(store: Store, tmp_path: Path) -> None:
    from tailguard.errors import InputError

    with pytest.raises(InputError, match="missing from the store"):
        own_outputs(store, [("g", "0" * 64)], tmp_path, anchor=None)
