"""Thirty figures of a text in one pass: what the heuristics of Gopher, C4 and FineWeb ask about words, lines and repetition.

A text is decoded once into code points; everything else walks over those. Repeated word sequences are found by rolling
polynomial hashes modulo 2**64 (R. M. Karp and M. O. Rabin, 1987) over the words joined with and without spaces, so that two
sequences are the same here when the strings that the reference implementations compare are the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tailguard.kernels import njit

SPACE, ALPHA, PUNCTUATION, BREAK, TERMINAL, MARK, RARE = 1, 2, 4, 8, 16, 32, 64
"""Bits of the character table. MARK: . # [ and the ellipsis, which are counted; RARE: rarest letters of C4's phrases."""

STATISTICS = (
    "words", "marked_words", "mean_word_length", "hashes", "ellipses", "bullet_lines", "ellipsis_lines", "alpha_words",
    "stop_words", "dup_paragraphs", "dup_paragraph_characters", "dup_lines", "dup_line_characters", "top_2_gram", "top_3_gram",
    "top_4_gram", "dup_5_grams", "dup_6_grams", "dup_7_grams", "dup_8_grams", "dup_9_grams", "dup_10_grams", "sentences",
    "filler", "curly_brackets", "terminal_lines", "short_lines", "dup_line_share", "newlines", "characters",
)  # fmt: skip
"""The figures, in the order in which the kernel writes them. `marked_words` are words that are more than punctuation."""

_BASE = np.uint64(0x9E3779B97F4A7C55)
_MIX = np.uint64(0xFF51AFD7ED558CCD)
_33 = np.uint64(33)
_20 = np.uint64(20)
_ONE = np.uint64(1)
_LAST_STAMP = np.uint64((1 << 20) - 1)

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
"""J. W. Rae et al. (2021), appendix A1: a text holds at least two of these."""


def _spelled(words: tuple[str, ...]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    places = np.cumsum([0, *map(len, words)])
    return np.array([ord(letter) for word in words for letter in word], dtype=np.int32), places


_STOP = np.array([sum(ord(letter) << 15 * position for position, letter in enumerate(word)) for word in STOP_WORDS])
_PHRASES, _PHRASE_AT = _spelled(
    (
        "lorem ipsum", "javascript", "terms of use", "privacy policy",
        "cookie policy", "uses cookies", "use of cookies", "use cookies",
    )
)  # fmt: skip
_K_AT = (3, 8, 10, 7)
_EDIT, _ = _spelled(("edit]",))
_NEEDED, _ = _spelled(("citation needed]",))


@njit()
def measure(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], kinds: NDArray[np.uint8], longest_word: int, short_line: int
) -> NDArray[np.float64]:
    """One row of STATISTICS a text. `kinds` is the character table; lengths are in characters."""
    texts = offsets.size - 1
    out = np.zeros((texts, 30), np.float64)
    longest = 0
    for text in range(texts):
        longest = max(longest, offsets[text + 1] - offsets[text])
    size = 64
    while size < longest + 2:
        size *= 2
    points = np.zeros(longest + 2, np.int32)
    flags = np.zeros(longest + 2, np.uint8)
    hashes = np.zeros(longest + 2, np.uint64)
    cleaned = np.zeros(longest + 2, np.int32)
    begins = np.zeros(longest // 2 + 2, np.int64)
    ends = np.zeros(longest // 2 + 2, np.int64)
    joined = np.zeros(longest // 2 + 3, np.uint64)
    spaced = np.zeros(longest // 2 + 3, np.uint64)
    powers = np.ones(2 * longest + 4, np.uint64)
    for position in range(1, powers.size):
        powers[position] = powers[position - 1] * _BASE
    slots = np.zeros(size, np.uint64)
    counts = np.zeros(size, np.int32)
    firsts = np.zeros(size, np.int32)
    stamp = np.uint64(0)
    for text in range(texts):
        if stamp > _LAST_STAMP - np.uint64(16):
            slots[:] = 0
            stamp = np.uint64(0)
        length = _decode(data, offsets[text], offsets[text + 1], kinds, points, flags, hashes)
        row = out[text]
        row[29] = length
        words, widest, brackets, breaks = _words(points, flags, length, begins, ends, row)
        mask = np.uint64(63)  # a table as small as the text allows stays in the processor's cache
        while mask < np.uint64(2 * max(words, breaks) + 4) and mask + _ONE < np.uint64(size):
            mask = np.uint64(2) * mask + _ONE
        _lines(points, flags, length, cleaned, kinds, longest_word, widest, brackets, row)
        _fineweb(points, flags, hashes, powers, length, short_line, row, slots, stamp + _ONE, mask)
        _duplicates(points, flags, hashes, powers, length, row, slots, stamp, mask)
        stamp += np.uint64(3)
        _prefixes(hashes, begins, ends, words, joined, spaced, powers)
        highest_count = 2
        for n in range(2, 5):
            stamp += _ONE
            highest_count, characters = _top(
                n, words, begins, ends, spaced, powers, slots, counts, firsts, stamp, mask, highest_count
            )
            row[11 + n] = characters / max(length, 1)
        if highest_count > 1:  # without four words in a row that occur twice there are no five
            for n in range(5, 11):
                stamp += _ONE
                row[11 + n] = _repeated(n, words, begins, ends, joined, powers, slots, stamp, mask) / max(length, 1)
    return out


@njit()
def _decode(
    data: NDArray[np.uint8],
    start: int,
    stop: int,
    kinds: NDArray[np.uint8],
    points: NDArray[np.int32],
    flags: NDArray[np.uint8],
    hashes: NDArray[np.uint64],
) -> int:
    """UTF-8, known to be valid, to code points with their kinds and the hash of all characters before each."""
    count = 0
    at = start
    value = np.uint64(0)
    hashes[0] = value
    while at < stop:
        byte = np.int32(data[at])
        if byte < 0x80:
            point = byte
            at += 1
        elif byte < 0xE0:
            point = ((byte & 31) << 6) | (data[at + 1] & 63)
            at += 2
        elif byte < 0xF0:
            point = ((byte & 15) << 12) | ((data[at + 1] & 63) << 6) | (data[at + 2] & 63)
            at += 3
        else:
            high = ((byte & 7) << 18) | ((data[at + 1] & 63) << 12)
            point = high | ((data[at + 2] & 63) << 6) | (data[at + 3] & 63)
            at += 4
        points[count] = point
        flags[count] = kinds[point] if point < kinds.size else np.uint8(0)
        value = value * _BASE + np.uint64(point + 1)
        count += 1
        hashes[count] = value
    return count


@njit()
def _words(  # noqa: PLR0912, PLR0915  a kernel is one long loop
    points: NDArray[np.int32],
    flags: NDArray[np.uint8],
    length: int,
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    row: NDArray[np.float64],
) -> tuple[int, int, int, int]:
    """Pieces between white space, and what Gopher's quality rules count of them; how many, and the longest one's length."""
    count = marked = marked_length = alpha = signs = ellipses = newlines = widest = brackets = 0
    found_stops = 0
    at = 0
    while at < length:
        if flags[at] & 1:
            newlines += points[at] == 10
            at += 1
            continue
        begin = at
        any_kind = np.uint8(0)
        all_kinds = np.uint8(255)
        while at < length:
            kind = flags[at]
            if kind & 1:
                break
            any_kind |= kind
            all_kinds &= kind
            at += 1
        begins[count] = begin
        ends[count] = at
        count += 1
        widest = max(widest, at - begin)
        alpha += (any_kind & 2) != 0
        if not all_kinds & 4:
            marked += 1
            marked_length += at - begin
        if any_kind & 32:
            dots = 0
            for position in range(begin, at):
                dots = dots + 1 if points[position] == 46 else 0
                if dots == 3:
                    ellipses += 1
                    dots = 0
                signs += points[position] == 35
                ellipses += points[position] == 0x2026
                brackets += points[position] == 91
        if 2 <= at - begin <= 4:
            code = np.int64(0)
            for position in range(begin, at):
                code |= np.int64(min(points[position], 0x7FFF)) << 15 * (position - begin)
            for stop in range(_STOP.size):
                if code == _STOP[stop]:
                    found_stops |= 1 << stop
    row[0] = count
    row[1] = marked
    row[2] = marked_length / max(marked, 1)
    row[3] = signs / max(count, 1)
    row[4] = ellipses / max(count, 1)
    row[7] = alpha / max(count, 1)
    while found_stops:
        row[8] += found_stops & 1
        found_stops >>= 1
    row[28] = newlines / max(count, 1)
    return count, widest, brackets, newlines


@njit()
def _is(points: NDArray[np.int32], begin: int, end: int, letters: NDArray[np.int32], first: int, last: int) -> bool:
    """Whether points[begin:end] is letters[first:last]; a slice would cost more than the comparison."""
    if end - begin != last - first:
        return False
    for at in range(last - first):  # noqa: SIM110  numba compiles no generator
        if points[begin + at] != letters[first + at]:
            return False
    return True


@njit()
def _stands(line: NDArray[np.int32], begin: int, first: int, last: int, phrase: int) -> bool:
    """Whether a phrase stands at `begin` of line[first:last], whatever the case of its ASCII letters."""
    start, stop = _PHRASE_AT[phrase], _PHRASE_AT[phrase + 1]
    if begin < first or begin + stop - start > last:
        return False
    for at in range(stop - start):
        point = line[begin + at]
        if 65 <= point <= 90:
            point += 32
        if point != _PHRASES[start + at]:
            return False
    return True


@njit()
def _phrases(line: NDArray[np.int32], kinds: NDArray[np.uint8], first: int, last: int) -> int:
    """What a line mentions: 1 filler text, 2 a script, 4 a curly bracket, 8 a site's policy; 15 all of them.

    Each phrase is looked for where its rarest letter stands: j, k, v or m.
    """
    mentions = 0
    for at in range(first, last):
        if line[at] > 127 or not kinds[line[at]] & 64:
            continue
        letter = line[at] | 32
        if line[at] == 123:
            mentions |= 4
        elif letter == 109:
            mentions |= 1 if _stands(line, at - 4, first, last, 0) else 0
            mentions |= 8 if _stands(line, at - 3, first, last, 2) else 0
        elif letter == 106:
            mentions |= 2 if _stands(line, at, first, last, 1) else 0
        elif letter == 118:
            mentions |= 8 if _stands(line, at - 3, first, last, 3) else 0
        else:
            for phrase in range(4, 8):
                mentions |= 8 if _stands(line, at - _K_AT[phrase - 4], first, last, phrase) else 0
    return mentions


@njit()
def _lines(
    points: NDArray[np.int32],
    flags: NDArray[np.uint8],
    length: int,
    cleaned: NDArray[np.int32],
    kinds: NDArray[np.uint8],
    longest_word: int,
    widest: int,
    brackets: int,
    row: NDArray[np.float64],
) -> None:
    """Lines as `str.splitlines` ends them, for Gopher and C4."""
    lines = bullets = trailing = 0
    begin = 0
    at = 0
    while at < length:
        if flags[at] & 8:
            end = at
            at += 2 if points[at] == 13 and at + 1 < length and points[at + 1] == 10 else 1
        elif at + 1 == length:
            end = length
            at += 1
        else:
            at += 1
            continue
        lines += 1
        first, last = begin, end
        while first < last and flags[first] & 1:
            first += 1
        while last > first and flags[last - 1] & 1:
            last -= 1
        if first < last:
            bullets += points[first] == 0x2022 or points[first] == 45
            trailing += _ends_in_ellipsis(points, first, last)
            if widest <= longest_word or _narrow(flags, first, last, longest_word):
                _c4(points, flags, first, last, cleaned, kinds, brackets, row)
        begin = at
    row[5] = bullets / max(lines, 1)
    row[6] = trailing / max(lines, 1)


@njit()
def _narrow(flags: NDArray[np.uint8], first: int, last: int, longest_word: int) -> bool:
    run = 0
    for at in range(first, last):
        run = 0 if flags[at] & 1 else run + 1
        if run > longest_word:
            return False
    return True


@njit()
def _ends_in_ellipsis(points: NDArray[np.int32], first: int, last: int) -> bool:
    if points[last - 1] == 0x2026:
        return True
    return last - first >= 3 and points[last - 1] == 46 and points[last - 2] == 46 and points[last - 3] == 46


@njit()
def _c4(
    points: NDArray[np.int32],
    flags: NDArray[np.uint8],
    first: int,
    last: int,
    cleaned: NDArray[np.int32],
    kinds: NDArray[np.uint8],
    brackets: int,
    row: NDArray[np.float64],
) -> None:
    """One line as C4 looks at it: what it adds to the sentences of the lines that stay, and what condemns the document."""
    words = 0
    for at in range(first, last):
        words += not flags[at] & 1 and (at == first or flags[at - 1] & 1 != 0)
        if words == 3:
            break
    if words < 3:
        return
    line, start, stop = points, first, last
    if brackets:
        line, start, stop = cleaned, first, _without_citations(points, first, last, cleaned)
    if stop <= start:
        return
    end = line[stop - 1]
    if end not in (46, 63, 33, 34, 39):
        return
    if stop - start >= 3 and end == 46 and line[stop - 2] == 46 and line[stop - 3] == 46:
        return
    mentions = _phrases(line, kinds, start, stop)
    if mentions & 1:
        row[23] = 1
    elif not mentions & 2 and mentions & 4:
        row[24] = 1
    elif not mentions:
        row[22] += _sentences(line, start, stop)


@njit()
def _without_citations(points: NDArray[np.int32], first: int, last: int, cleaned: NDArray[np.int32]) -> int:
    """Writes the line without [12], [edit] and [citation needed] to `cleaned`, from `first` on; returns where it ends."""
    size = first
    at = first
    while at < last:
        if points[at] == 91:
            stop = at + 1
            while stop < last and 48 <= points[stop] <= 57:
                stop += 1
            if stop < last and points[stop] == 93:
                at = stop + 1
                continue
            if _is(points, at + 1, min(at + 6, last), _EDIT, 0, _EDIT.size):
                at += 6
                continue
            if _is(points, at + 1, min(at + 17, last), _NEEDED, 0, _NEEDED.size):
                at += 17
                continue
        cleaned[size] = points[at]
        size += 1
        at += 1
    return size


@njit()
def _sentences(line: NDArray[np.int32], start: int, stop: int) -> int:
    """Sentences of a line: it ends one, and so does each of . ! ? that a space follows."""
    count = 1
    for at in range(start + 1, stop - 1):
        if line[at] == 32:
            count += line[at - 1] in (46, 33, 63) and line[at + 1] != 32
    return count


@njit()
def _fineweb(
    points: NDArray[np.int32],
    flags: NDArray[np.uint8],
    hashes: NDArray[np.uint64],
    powers: NDArray[np.uint64],
    length: int,
    short_line: int,
    row: NDArray[np.float64],
    slots: NDArray[np.uint64],
    stamp: np.uint64,
    mask: np.uint64,
) -> None:
    """Lines as a newline alone ends them; blank ones do not count."""
    lines = marked = short = repeated = breaks = 0
    begin = 0
    for at in range(length + 1):
        if at < length and points[at] != 10:
            continue
        breaks += at < length
        for inner in range(begin, at):
            if not flags[inner] & 1:
                lines += 1
                marked += (flags[at - 1] & 16) != 0
                short += at - begin <= short_line
                if _seen(_hash(hashes, powers, begin, at), slots, stamp, mask):
                    repeated += at - begin
                break
        begin = at + 1
    row[25] = marked / max(lines, 1)
    row[26] = short / max(lines, 1)
    row[27] = repeated / max(length - breaks, 1)


@njit()
def _duplicates(
    points: NDArray[np.int32],
    flags: NDArray[np.uint8],
    hashes: NDArray[np.uint64],
    powers: NDArray[np.uint64],
    length: int,
    row: NDArray[np.float64],
    slots: NDArray[np.uint64],
    stamp: np.uint64,
    mask: np.uint64,
) -> None:
    """Gopher's repeated paragraphs (between empty lines, of the trimmed text) and lines (between runs of newlines)."""
    first, last = 0, length
    while first < last and flags[first] & 1:
        first += 1
    while last > first and flags[last - 1] & 1:
        last -= 1
    for kind in range(2):
        begin_at, end_at, newlines = (first, last, 2) if kind == 0 else (0, length, 1)
        units = repeated = characters = 0
        begin = at = begin_at
        while at <= end_at:
            stop = at
            while stop < end_at and points[stop] == 10:
                stop += 1
            if at == end_at or stop - at >= newlines:
                units += 1
                if _seen(_hash(hashes, powers, begin, at), slots, stamp + np.uint64(2 + kind), mask):
                    repeated += 1
                    characters += at - begin
                if at == end_at:
                    break
                begin = at = stop
            else:
                at = max(stop, at + 1)
        row[9 + 2 * kind] = repeated / max(units, 1)
        row[10 + 2 * kind] = characters / max(length, 1)


@njit(inline="always")
def _hash(hashes: NDArray[np.uint64], powers: NDArray[np.uint64], begin: int, end: int) -> np.uint64:
    """The hash of the characters from `begin` to `end`."""
    return np.uint64(hashes[end] - hashes[begin] * powers[end - begin])


@njit(inline="always")
def _key(value: np.uint64, stamp: np.uint64) -> np.uint64:
    """44 bits of a hash with the number of the set that it is looked up in, so that a table serves many sets uncleared."""
    mixed = value * _MIX
    mixed ^= mixed >> _33
    return (mixed & ~_LAST_STAMP) | stamp


@njit(inline="always")
def _slot(key: np.uint64, slots: NDArray[np.uint64], stamp: np.uint64, mask: np.uint64) -> np.uint64:
    """Where a key stands, or the free slot where it would stand."""
    at = (key >> _20) & mask
    while slots[at] != key and slots[at] & _LAST_STAMP == stamp:
        at = (at + _ONE) & mask
    return at


@njit()
def _seen(value: np.uint64, slots: NDArray[np.uint64], stamp: np.uint64, mask: np.uint64) -> bool:
    key = _key(value, stamp)
    at = _slot(key, slots, stamp, mask)
    known = bool(slots[at] == key)
    slots[at] = key
    return known


@njit()
def _prefixes(
    hashes: NDArray[np.uint64],
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    words: int,
    joined: NDArray[np.uint64],
    spaced: NDArray[np.uint64],
    powers: NDArray[np.uint64],
) -> None:
    """Hashes of the first k words, joined with nothing and with a space after each. `begins` and `ends` become their places
    in the words joined with nothing."""
    total = 0
    joined[0] = spaced[0] = np.uint64(0)
    for word in range(words):
        size = ends[word] - begins[word]
        own = _hash(hashes, powers, begins[word], ends[word])
        joined[word + 1] = joined[word] * powers[size] + own
        spaced[word + 1] = (spaced[word] * powers[size] + own) * _BASE + _33
        begins[word] = total
        total += size
        ends[word] = total


@njit()
def _top(
    n: int,
    words: int,
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    spaced: NDArray[np.uint64],
    powers: NDArray[np.uint64],
    slots: NDArray[np.uint64],
    counts: NDArray[np.int32],
    firsts: NDArray[np.int32],
    stamp: np.uint64,
    mask: np.uint64,
    most_before: int,
) -> tuple[int, int]:
    """How often the most frequent n-gram occurs (the one that came first among equals), and its characters times that.

    `most_before` is what this said of n - 1: where nothing occurred twice, nothing longer does.
    """
    if words < n:
        return 0, 0
    if most_before == 1:
        return 1, ends[n - 1] + n - 1
    highest_count = 0
    first = 0
    for at in range(words - n + 1):
        value = spaced[at + n] - spaced[at] * powers[ends[at + n - 1] - begins[at] + n]
        key = _key(value, stamp)
        slot = _slot(key, slots, stamp, mask)
        if slots[slot] != key:
            slots[slot] = key
            counts[slot] = 0
            firsts[slot] = at
        counts[slot] += 1
        if counts[slot] > highest_count or (counts[slot] == highest_count and firsts[slot] < first):
            highest_count = counts[slot]
            first = firsts[slot]
    return highest_count, (ends[first + n - 1] - begins[first] + n - 1) * highest_count


@njit()
def _repeated(
    n: int,
    words: int,
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    joined: NDArray[np.uint64],
    powers: NDArray[np.uint64],
    slots: NDArray[np.uint64],
    stamp: np.uint64,
    mask: np.uint64,
) -> int:
    """Characters in n-grams that occurred before; a repeated one is skipped as a whole."""
    characters = 0
    at = 0
    while at < words - n + 1:
        size = ends[at + n - 1] - begins[at]
        if _seen(joined[at + n] - joined[at] * powers[size], slots, stamp, mask):
            characters += size
            at += n
        else:
            at += 1
    return characters
