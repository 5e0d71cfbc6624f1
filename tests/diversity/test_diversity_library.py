"""Every metric of `tailguard.diversity` against its reference implementation, on real texts."""

from __future__ import annotations

import gzip
import sys
import types
import warnings
from collections import Counter
from importlib import resources

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailguard import diversity
from tailguard.diversity.abundance import KnownBag
from tailguard.errors import InputError
from tests.builders import passages

TEXTS = [text for text in passages() if len(text.split()) >= 50][:60]
SPLIT = [diversity.words(text) for text in TEXTS]
COUNTS = diversity.type_counts(word for tokens in SPLIT for word in tokens)


def test_every_name_of_the_library_is_there_and_others_are_named() -> None:
    assert all(callable(getattr(diversity, name)) for name in diversity.__all__)
    misspelt = "mtdl"
    with pytest.raises(AttributeError, match="has no 'mtdl'"):
        getattr(diversity, misspelt)


def test_hd_d_and_mattr_are_those_of_lexical_diversity_and_mtld_that_of_lexicalrichness(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = types.ModuleType("pkg_resources")  # lexical-diversity finds a lemma list by it, which nothing here asks for
    monkeypatch.setattr(
        old, "resource_filename", lambda package, name: str(resources.files(package) / name), raising=False
    )
    monkeypatch.setitem(sys.modules, "pkg_resources", old)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lexical_diversity import lex_div
        from lexicalrichness import LexicalRichness

    assert diversity.hdd(SPLIT) == pytest.approx([lex_div.hdd(tokens) for tokens in SPLIT])
    assert diversity.mattr(SPLIT) == pytest.approx([lex_div.mattr(tokens) for tokens in SPLIT])
    theirs = [LexicalRichness(" ".join(tokens), preprocessor=None, tokenizer=str.split) for tokens in SPLIT]
    assert diversity.mtld(SPLIT) == pytest.approx([measured.mtld() for measured in theirs])
    assert [diversity.ttr(tokens) for tokens in SPLIT] == pytest.approx([measured.ttr for measured in theirs])


def test_short_texts_have_no_hd_d_and_an_empty_one_has_nothing() -> None:
    assert np.isnan(diversity.hdd([["a"] * 41])).all()
    assert np.isnan(diversity.mattr([[]])).all()
    assert np.isnan(diversity.mtld([[]])).all()
    assert diversity.mtld([["a", "b", "c"]])[0] == 3


def test_self_bleu_is_that_of_nltk_to_sixteen_digits() -> None:
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    texts = [tokens[: 12 + at] for at, tokens in enumerate(SPLIT[:30])] + [["one"], ["the", "a"], SPLIT[3][:12]]
    smooth = SmoothingFunction().method1
    theirs = [
        sentence_bleu(texts[:at] + texts[at + 1 :], text, smoothing_function=smooth) for at, text in enumerate(texts)
    ]

    assert diversity.self_bleu(texts) == pytest.approx(theirs, rel=1e-14, abs=1e-16)


@given(st.lists(st.lists(st.sampled_from("abcd"), max_size=9), min_size=2, max_size=7))
def test_self_bleu_of_any_texts_is_that_of_nltk(texts: list[list[str]]) -> None:
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    ours = diversity.self_bleu(texts)

    for at, text in enumerate(texts):
        if text:
            theirs = sentence_bleu(texts[:at] + texts[at + 1 :], text, smoothing_function=SmoothingFunction().method1)
            assert ours[at] == pytest.approx(theirs, rel=1e-12), (at, texts)


def test_hill_numbers_chao1_and_coverage_are_those_of_scikit_bio() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from skbio.diversity import alpha

    for q in (0, 1, 2, 3):
        assert diversity.hill_number(COUNTS, q=q) == pytest.approx(alpha.hill(COUNTS, order=q))
    assert diversity.chao1(COUNTS) == pytest.approx(alpha.chao1(COUNTS))
    good = alpha.goods_coverage(COUNTS)
    assert diversity.coverage_at(COUNTS, sample_size=int(COUNTS.sum())) == pytest.approx(good, abs=2e-3)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.data())
def test_rarefied_coverage_and_hill_numbers_are_means_over_every_sample(counts: list[int], data: st.DataObject) -> None:
    from itertools import combinations

    bag = np.array(counts)
    units = [kind for kind, times in enumerate(counts) for _ in range(times)]
    size = data.draw(st.integers(1, len(units)))
    if len(units) > 11:
        return
    samples = [Counter(units[at] for at in sample) for sample in combinations(range(len(units)), size)]
    seen = [sum(counts[kind] for kind in sample) / len(units) for sample in samples]
    abundance = Counter(times for sample in samples for times in sample.values())
    entropy = -sum(many / len(samples) * k / size * np.log(k / size) for k, many in abundance.items())

    if size < len(units):
        # Coverage of a sample among the units that are left out of it, as Chao and Jost define it.
        left = [np.mean([unit in sample for unit in (Counter(units) - sample).elements()]) for sample in samples]
        assert diversity.coverage_at(bag, sample_size=size) == pytest.approx(np.mean(left))
    assert diversity.hill_at_size(bag, q=1, sample_size=size) == pytest.approx(np.exp(entropy))
    assert min(seen) <= 1


def test_hill_numbers_at_equal_coverage_do_not_move_with_size() -> None:
    words = [word for tokens in SPLIT for word in tokens]
    small, large = (diversity.type_counts(words[:cut]) for cut in (1500, len(words)))

    at_equal = diversity.hill_at_equal_coverage([small, large], q=1)

    assert at_equal[1] / at_equal[0] < diversity.hill_number(large, q=1) / diversity.hill_number(small, q=1)
    assert at_equal[0] == pytest.approx(diversity.hill_number(small, q=1), rel=0.02)


def test_jensen_shannon_is_the_square_of_scipys_distance() -> None:
    from scipy.spatial.distance import jensenshannon

    first, second = Counter(SPLIT[0]), Counter(SPLIT[1])
    names = sorted(first | second)
    theirs = jensenshannon([first[name] for name in names], [second[name] for name in names], base=2) ** 2

    assert diversity.jensen_shannon(first, second) == pytest.approx(theirs)
    assert diversity.jensen_shannon(first, first) == 0
    assert diversity.jensen_shannon(Counter("ab"), Counter("cd")) == pytest.approx(1)


def laid_side_by_side(first: Counter[str], second: Counter[str]) -> float:
    names = sorted(first.keys() | second.keys())
    p, q = (np.array([side[name] for name in names], dtype=np.float64) for side in (first, second))
    p, q = p / max(1.0, p.sum()), q / max(1.0, q.sum())
    middle = (p + q) / 2
    return sum(float((side[side > 0] * np.log2(side[side > 0] / middle[side > 0])).sum()) for side in (p, q)) / 2


@given(st.text("abcdefgh"), st.text("defghijk"))
def test_a_known_bag_diverges_by_the_same_bits_as_two_bags_side_by_side(first: str, second: str) -> None:
    found = KnownBag(Counter(second)).jensen_shannon(Counter(first))

    assert found == laid_side_by_side(Counter(first), Counter(second))


def test_the_compression_ratio_is_the_definition_and_self_repetition_counts_what_others_share() -> None:
    whole = " ".join(TEXTS).encode()

    # gzip's header and trailer are 18 bytes beside zlib's 6.
    assert diversity.compression_ratio(TEXTS) == pytest.approx(len(whole) / (len(gzip.compress(whole, 9)) - 12))
    assert diversity.self_repetition([["a", "b", "c", "d", "e"], ["a", "b", "c", "d"], ["x"]]) == pytest.approx(
        2 * np.log(2) / 3
    )


def test_vendi_and_prdc_are_those_of_their_authors() -> None:
    from prdc import compute_prdc
    from vendi_score import vendi

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        vectors = diversity.embed([*TEXTS, *passages()[:400]]).astype(np.float64)
        assert diversity.vendi_score(vectors) == pytest.approx(vendi.score_dual(vectors, normalize=False), rel=1e-9)
        assert diversity.vendi_score(vectors[:20]) == pytest.approx(
            vendi.score_X(vectors[:20], normalize=False), rel=1e-9
        )
        real, fake = vectors[:200], vectors[200:460]
        theirs = compute_prdc(real_features=real, fake_features=fake, nearest_k=5)

    ours = diversity.prdc(real, fake)

    assert {name: getattr(ours, name) for name in theirs} == pytest.approx(theirs)


def test_embeddings_are_unit_vectors_and_an_unknown_one_is_named() -> None:
    vectors = diversity.embed(["some text", ""])

    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 0])
    with pytest.raises(InputError, match=r"no embedding 'bert'\. Known: wordllama"):
        diversity.embed(["a"], name="bert")
