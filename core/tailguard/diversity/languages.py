"""The language of an answer, by its script and by how many of its words are among the 100 commonest of a language.

Languages that share a script are told apart by these words (from `wordfreq`): 25 in Latin script, 4 in Cyrillic, 3 in Arabic.
Any other script stands for the language that is written in it most. Answers that are too short, or mostly names, numbers or
code, are UNDECIDED and not to be judged.
"""

from __future__ import annotations

import gzip
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from tailguard.diversity.lexical import numbered
from tailguard.kernels import njit

Ints = NDArray[np.int64]
Codes = NDArray[np.int16]

UNDECIDED = -1
FEWEST_WORDS = 8
COMMON_SHARE = 0.15
COMMON_LEAD = 0.08
_COMMON_WORDS = 100
_DISTINCT_WORDS = 3
"""So many different common words have to be there: "30 min, 20 min, 10 min" is not Danish."""
_SCRIPT_SHARE = 0.5
_KANA_SHARE = 0.1
"""Of the units in Han and kana, from which on they are Japanese."""


@dataclass(frozen=True)
class _Language:
    """`lists` are wordfreq's names; without any, this is a whole script, for a text of which more cannot be said."""

    name: str
    script: str
    lists: tuple[str, ...] = ()


_LANGUAGES = (
    *(
        _Language(name, "Latin", tuple(lists.split()))
        for lists, name in {
            "en": "English",
            "ca": "Catalan",
            "cs": "Czech",
            "da nb": "Danish or Norwegian",
            "de": "German",
            "es": "Spanish",
            "fi": "Finnish",
            "fil": "Filipino",
            "fr": "French",
            "hu": "Hungarian",
            "id ms": "Indonesian or Malay",
            "is": "Icelandic",
            "it": "Italian",
            "lt": "Lithuanian",
            "lv": "Latvian",
            "nl": "Dutch",
            "pl": "Polish",
            "pt": "Portuguese",
            "ro": "Romanian",
            "sh": "Serbo-Croatian",
            "sk": "Slovak",
            "sl": "Slovenian",
            "sv": "Swedish",
            "tr": "Turkish",
            "vi": "Vietnamese",
        }.items()
    ),
    _Language("Bulgarian", "Cyrillic", ("bg",)),
    _Language("Macedonian", "Cyrillic", ("mk",)),
    _Language("Russian", "Cyrillic", ("ru",)),
    _Language("Ukrainian", "Cyrillic", ("uk",)),
    _Language("Arabic", "Arabic", ("ar",)),
    _Language("Persian", "Arabic", ("fa",)),
    _Language("Urdu", "Arabic", ("ur",)),
    _Language("Cyrillic script", "Cyrillic"),
    _Language("Arabic script", "Arabic"),
    *(
        _Language(name, script)
        for script, name in {
            "Han": "Chinese",
            "Kana": "Japanese",
            "Hangul": "Korean",
            "Greek": "Greek",
            "Armenian": "Armenian",
            "Hebrew": "Hebrew",
            "Devanagari": "Hindi",
            "Bengali": "Bengali",
            "Gurmukhi": "Punjabi",
            "Gujarati": "Gujarati",
            "Oriya": "Odia",
            "Tamil": "Tamil",
            "Telugu": "Telugu",
            "Kannada": "Kannada",
            "Malayalam": "Malayalam",
            "Sinhala": "Sinhala",
            "Thai": "Thai",
            "Lao": "Lao",
            "Tibetan": "Tibetan",
            "Myanmar": "Burmese",
            "Georgian": "Georgian",
            "Ethiopic": "Amharic",
            "Khmer": "Khmer",
        }.items()
    ),
)
CODES = {language.name: code for code, language in enumerate(_LANGUAGES)}
"""By name; each is at least 0."""
ENGLISH = CODES["English"]

_SCRIPTS = tuple(dict.fromkeys(language.script for language in _LANGUAGES))
_WHOLE_SCRIPT = {language.script: code for code, language in enumerate(_LANGUAGES) if not language.lists}
_LISTED = tuple(code for code, language in enumerate(_LANGUAGES) if language.lists)
_LISTED_SCRIPTS = frozenset(_LANGUAGES[code].script for code in _LISTED)
_BLOCKS = (
    (0x0041, 0x02AF, "Latin"),
    (0x0370, 0x03FF, "Greek"),
    (0x0400, 0x052F, "Cyrillic"),
    (0x0531, 0x058F, "Armenian"),
    (0x0591, 0x05FF, "Hebrew"),
    (0x0600, 0x06FF, "Arabic"),
    (0x0750, 0x077F, "Arabic"),
    (0x0870, 0x08FF, "Arabic"),
    (0x0900, 0x097F, "Devanagari"),
    (0x0980, 0x09FF, "Bengali"),
    (0x0A00, 0x0A7F, "Gurmukhi"),
    (0x0A80, 0x0AFF, "Gujarati"),
    (0x0B00, 0x0B7F, "Oriya"),
    (0x0B80, 0x0BFF, "Tamil"),
    (0x0C00, 0x0C7F, "Telugu"),
    (0x0C80, 0x0CFF, "Kannada"),
    (0x0D00, 0x0D7F, "Malayalam"),
    (0x0D80, 0x0DFF, "Sinhala"),
    (0x0E00, 0x0E7F, "Thai"),
    (0x0E80, 0x0EFF, "Lao"),
    (0x0F00, 0x0FFF, "Tibetan"),
    (0x1000, 0x109F, "Myanmar"),
    (0x10A0, 0x10FF, "Georgian"),
    (0x1100, 0x11FF, "Hangul"),
    (0x1200, 0x139F, "Ethiopic"),
    (0x1780, 0x17FF, "Khmer"),
    (0x1E00, 0x1EFF, "Latin"),
    (0x1F00, 0x1FFF, "Greek"),
    (0x3005, 0x3007, "Han"),
    (0x3041, 0x30FF, "Kana"),
    (0x31F0, 0x31FF, "Kana"),
    (0x3400, 0x4DBF, "Han"),
    (0x4E00, 0x9FFF, "Han"),
    (0xAC00, 0xD7FF, "Hangul"),
    (0xF900, 0xFAFF, "Han"),
    (0x20000, 0x3FFFF, "Han"),
)
"""First and last code point of letters in normal form (NFKC, case-folded), in order."""
_STARTS = [first for first, _, _ in _BLOCKS]
_NO_SCRIPT = -1
_LATIN, _HAN, _KANA = (_SCRIPTS.index(name) for name in ("Latin", "Han", "Kana"))


def name_of(code: int) -> str:
    """The name of a language, as people know it. Raises ValueError for UNDECIDED and for what is no code."""
    if not 0 <= code < len(_LANGUAGES):
        raise ValueError(
            f"{code} is no language. Expected 0 to {len(_LANGUAGES) - 1}; {UNDECIDED} is an undecided text."
        )
    return _LANGUAGES[code].name


def languages(vocabulary: Sequence[str], units: Ints, offsets: Ints) -> Codes:
    """The code of each answer's language, or UNDECIDED.

    Answer i has the words `vocabulary[units[offsets[i]:offsets[i + 1]]]`, in normal form; in scripts without spaces these are
    character bigrams. A script that more than half of the words have decides, or a language of this script: at least 15 % of
    the words are among its commonest, 8 points more than of any other. Fewer than 8 words are undecided.
    """
    common, foreign, scripts = _lookup(vocabulary)
    shares, distinct, of_script = _counts(common, foreign, scripts, units, offsets, len(_LISTED), len(_SCRIPTS))
    lengths = np.diff(offsets)
    script = _main_scripts(of_script, lengths)
    shares /= np.maximum(lengths, 1)[:, None]
    codes = np.full(len(lengths), UNDECIDED, dtype=np.int16)
    for number, name in enumerate(_SCRIPTS):
        codes[script == number] = _WHOLE_SCRIPT.get(name, UNDECIDED)
        columns = np.array(
            [column for column, code in enumerate(_LISTED) if _LANGUAGES[code].script == name], dtype=np.int64
        )
        if not len(columns):
            continue
        answers = np.flatnonzero(script == number)
        ranked = np.sort(shares[answers][:, columns], axis=1)
        best = columns[shares[answers][:, columns].argmax(axis=1)]
        clear = (ranked[:, -1] >= COMMON_SHARE) & (ranked[:, -1] >= ranked[:, -2] + COMMON_LEAD)
        clear &= (distinct[answers, best] >= _DISTINCT_WORDS) | (best == _LISTED.index(ENGLISH))
        codes[answers[clear]] = np.array(_LISTED, dtype=np.int16)[best[clear]]
    return codes


def language_of(words: Sequence[str]) -> int:
    """The code of one text's language, given its words, or UNDECIDED."""
    units, offsets, vocabulary = numbered([words])
    return int(languages(vocabulary, units, offsets)[0])


def differ(first: Codes, second: Codes) -> NDArray[np.bool_]:
    """Where two texts are in different languages as far as both are decided.

    A text of which only the script is known differs from no language of this script.
    """
    return np.asarray((first != UNDECIDED) & (second != UNDECIDED) & _different()[first, second])


def settled(codes: Codes, likely: Codes) -> Codes:
    """The codes, and the `likely` ones where a text is undecided or only a script with several languages is known of it."""
    several = np.array([not language.lists and language.script in _LISTED_SCRIPTS for language in _LANGUAGES] + [True])
    open_ = several[codes] & ~differ(codes, likely)
    return np.where(open_ & (likely != UNDECIDED), likely, codes)


@cache
def _different() -> NDArray[np.bool_]:
    """Whether two languages differ, by their codes."""
    scripts = np.array([language.script for language in _LANGUAGES])
    whole = np.array([not language.lists for language in _LANGUAGES])
    same = (scripts[:, None] == scripts) & (whole[:, None] | whole)
    np.fill_diagonal(same, True)
    return np.asarray(~same)


def _main_scripts(of_script: Ints, lengths: Ints) -> Ints:
    """The script that more than half of each answer's words have. Han among kana is Japanese."""
    both = of_script[:, _HAN] + of_script[:, _KANA]
    japanese = of_script[:, _KANA] >= np.maximum(1, _KANA_SHARE * both)
    of_script[:, _HAN], of_script[:, _KANA] = np.where(japanese, 0, both), np.where(japanese, both, 0)
    main = of_script.argmax(axis=1)
    judged = (lengths >= FEWEST_WORDS) & (of_script.max(axis=1) > _SCRIPT_SHARE * lengths)
    return np.where(judged, main, _NO_SCRIPT)


def _lookup(vocabulary: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.int8]]:
    """Of each word: in which lists it stands (a bit each), the same without those of a word that English has, its script."""
    table = _common_words()
    count = len(vocabulary)
    common = np.fromiter((_bits(word, table) for word in vocabulary), dtype=np.uint64, count=count)
    scripts = np.fromiter((_script(word) for word in vocabulary), dtype=np.int8, count=count)
    english = np.uint64(1 << _LISTED.index(ENGLISH))
    return common, np.where(common & english, np.uint64(0), common), scripts


def _bits(word: str, table: dict[str, int]) -> int:
    """A word with an apostrophe stands in a list if one of its parts does (l'homme, c'est)."""
    if "'" not in word:
        return table.get(word, 0)
    before, _, after = word.partition("'")
    return table.get(word, 0) | table.get(before, 0) | table.get(after, 0)


def _script(word: str) -> int:
    """The number of a word's script, by its first letter; kana, if there is any in it."""
    if word.isascii():
        return _LATIN if word else _NO_SCRIPT
    scripts = [_script_of_letter(letter) for letter in word]
    return _KANA if scripts[0] == _HAN and _KANA in scripts else scripts[0]


@cache
def _script_of_letter(letter: str) -> int:
    code = ord(letter)
    block = bisect_right(_STARTS, code) - 1
    if block < 0 or code > _BLOCKS[block][1]:
        return _NO_SCRIPT
    return _SCRIPTS.index(_BLOCKS[block][2])


@cache
def _common_words() -> dict[str, int]:
    """The lists (a bit each) in which each common word stands."""
    table: dict[str, int] = {}
    for column, code in enumerate(_LISTED):
        for name in _LANGUAGES[code].lists:
            for word in islice(map(str.casefold, _listed(name)), _COMMON_WORDS):
                table[word] = table.get(word, 0) | 1 << column
    return table


def _listed(language: str) -> Iterator[str]:
    """The words of one of wordfreq's lists, the commonest first, without numbers and single plain letters, which are as common
    in formulas.

    Only the head of the file is read: loading all lists takes .3 s and 60 MB, this 10 ms.
    """
    import msgpack
    from wordfreq import available_languages

    with gzip.open(available_languages("small")[language]) as file:
        unpacker = msgpack.Unpacker(file, read_size=4096)
        buckets = unpacker.read_array_header()
        unpacker.skip()  # the format's header
        for _ in range(buckets - 1):
            for word in unpacker.unpack():
                if not any(letter.isdigit() for letter in word) and (len(word) > 1 or not word.isascii()):
                    yield word


@njit()
def _counts(
    common: NDArray[np.uint64],
    foreign: NDArray[np.uint64],
    scripts: NDArray[np.int8],
    units: Ints,
    offsets: Ints,
    lists: int,
    script_count: int,
) -> tuple[NDArray[np.float64], Ints, Ints]:
    """Of each answer: how many words stand in each list, how many different ones that English lacks, and how many words each
    script has."""
    answers = offsets.size - 1
    times = np.zeros((answers, lists))
    distinct = np.zeros((answers, lists), np.int64)
    of_script = np.zeros((answers, script_count), np.int64)
    met = np.full(common.size, -1, np.int64)
    for answer in range(answers):
        for at in range(offsets[answer], offsets[answer + 1]):
            word = units[at]
            if scripts[word] >= 0:
                of_script[answer, scripts[word]] += 1
            bits = common[word]
            column = 0
            while bits:
                if bits & np.uint64(1):
                    times[answer, column] += 1
                    if met[word] != answer and (foreign[word] >> np.uint64(column)) & np.uint64(1):
                        distinct[answer, column] += 1
                bits >>= np.uint64(1)
                column += 1
            met[word] = answer
    return times, distinct, of_script
