"""What the detector sees of a text, in one pass over its bytes: hashed character grams, hashed word grams with the content
words masked, and a style profile. One kernel serves training and judging, so that the two cannot drift apart.

Masking content words follows E. Stamatatos, "Authorship attribution using text distortion", EACL (2017): what is left is
style, which holds in a subject that the training texts did not have. A gram is a 64-bit multiplicative hash (D. Knuth,
TAOCP 3, 6.4) of packed bytes or word codes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tailguard.kernels import njit

CHAR_BITS, WORD_BITS = 18, 20
"""Character grams share 2**CHAR_BITS weights, word grams 2**WORD_BITS."""
WORD_SLOTS = 1 << 16
"""Slots of the word table: open addressing, one 32-bit key and one value each."""
FUNCTION_WORDS = 250
"""Words with a code of their own, most frequent first; their rates are part of the profile for the first RATED of them."""
RATED = 200
PUNCTUATION = b",.;:!?()\"'-0"
STYLE = 58 + RATED + len(PUNCTUATION)
"""Length of a style profile."""

_SPACE, _OTHER = 32, 2
_MIX = np.uint64(0x9E3779B97F4A7C15)
_MIX3 = np.uint64(0xC2B2AE3D27D4EB4F)
_MIX4 = np.uint64(0x165667B19E3779F9)
_MIX5 = np.uint64(0x27D4EB2F165667C5)
_CHAR_SHIFT = np.uint64(64 - CHAR_BITS)
_WORD_SHIFT = np.uint64(64 - WORD_BITS)
_EIGHT = np.uint64(8)


def _plain_bytes() -> NDArray[np.uint8]:
    """What each byte becomes: letters, sentence marks and bytes of UTF-8 stay, digits become 0, the rest a space."""
    table = np.full(256, _SPACE, np.uint8)
    table[128:] = np.arange(128, 256)
    for byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!\"'(),-.:;?":
        table[byte] = byte
    table[48:58] = 48
    return table


_PLAIN = _plain_bytes()


@njit(inline="always")
def _slot(keys: NDArray[np.uint32], key: np.int64) -> np.int64:
    """Where a word's key stands in the table, or the empty slot where it would stand. Key 0 marks an empty slot."""
    slot = key & (keys.size - 1)
    while keys[slot] != 0 and keys[slot] != key:
        slot = (slot + 1) & (keys.size - 1)
    return slot


@njit()
def plain(source: NDArray[np.uint8], start: int, stop: int, out: NDArray[np.uint8]) -> int:
    """Writes the normal bytes of source[start:stop] to `out` and returns how many.

    White space and mark-up collapse to one space and runs of digits to one 0; curly quotes and dashes become straight
    ones. So a text reads the same whether its formatting was kept or stripped. Case is kept.
    """
    size = 0
    last = _SPACE
    at = start
    while at < stop:
        byte = _PLAIN[source[at]]
        at += 1
        if byte == 0xE2 and at + 1 < stop and source[at] == 0x80:
            byte = _general_punctuation(source[at + 1])
            at += 2
        elif byte == 0xC2 and at < stop and source[at] == 0xA0:
            byte = _SPACE
            at += 1
        out[size] = byte
        size += not (byte == last and byte in (_SPACE, 48, 45, 46))
        last = byte
    return size


@njit()
def _general_punctuation(code: int) -> int:
    """The plain byte for U+2000 + code - 0x80: quotes, dashes, the ellipsis; a space for all others."""
    if code in (0x98, 0x99):
        return 39
    if code in (0x9C, 0x9D):
        return 34
    if 0x90 <= code <= 0x95:
        return 45
    return 46 if code == 0xA6 else _SPACE


@njit()
def scan(  # noqa: PLR0912, PLR0915  a kernel is one long loop
    text: NDArray[np.uint8],
    size: int,
    keys: NDArray[np.uint32],
    codes: NDArray[np.uint16],
    zipf: NDArray[np.uint8],
    char_grams: NDArray[np.int32],
    word_grams: NDArray[np.int32],
    style: NDArray[np.float32],
) -> tuple[int, int, int]:
    """Fills the gram indices and the style profile of a plain text; returns (character grams, word grams, words)."""
    style[:] = 0
    n_char = 0
    n_word = 0
    packed = np.uint64(0)
    context = np.uint64(0)
    seen = np.zeros(64, np.uint64)
    blocks = np.zeros(64, np.uint64)
    punctuation = np.zeros(128, np.int64)
    for index in range(len(PUNCTUATION)):
        punctuation[PUNCTUATION[index]] = index + 1
    words = known = distinct = capital = shout = contraction = 0
    length_sum = length_square = zipf_sum = zipf_square = 0.0
    sentence = sentences = short = long = 0
    sentence_sum = sentence_square = jump_sum = 0.0
    previous_sentence = -1
    repeated_blocks = n_blocks = 0
    ended = True
    word_hash = np.uint64(14695981039346656037)
    word_size = 0
    word_upper = 0
    first_upper = False
    apostrophe = False
    tail = np.uint64(0)
    for at in range(size + 1):
        raw = text[at] if at < size else np.uint8(_SPACE)
        upper = bool(65 <= raw <= 90)
        byte = raw + np.uint8(32) if upper else raw
        if at < size:
            packed = (packed >> _EIGHT) | (np.uint64(byte) << np.uint64(32))
            if at >= 4:
                char_grams[n_char] = np.int32((packed * _MIX5) >> _CHAR_SHIFT)
                char_grams[n_char + 1] = np.int32(((packed >> _EIGHT) * _MIX4) >> _CHAR_SHIFT)
                char_grams[n_char + 2] = np.int32(((packed >> np.uint64(16)) * _MIX3) >> _CHAR_SHIFT)
                n_char += 3
                if at & 1:
                    block = ((packed >> _EIGHT) * _MIX) >> np.uint64(52)
                    n_blocks += 1
                    if blocks[block >> np.uint64(6)] >> (block & np.uint64(63)) & np.uint64(1):
                        repeated_blocks += 1
                    blocks[block >> np.uint64(6)] |= np.uint64(1) << (block & np.uint64(63))
        letter = 97 <= byte <= 122 or byte >= 128
        inner = (
            byte == 39 and word_size > 0 and at + 1 < size and (text[at + 1] | 32) >= 97 and (text[at + 1] | 32) <= 122
        )
        if letter or inner:
            if word_size == 0:
                first_upper = upper
            word_size += 1
            word_upper += upper
            apostrophe |= inner
            word_hash = (word_hash ^ np.uint64(byte)) * np.uint64(1099511628211)
            tail = (tail << _EIGHT) | np.uint64(byte)
            continue
        if word_size:
            key = np.int64(word_hash >> np.uint64(32)) | 1
            slot = _slot(keys, key)
            code = np.int64(codes[slot])
            rarity = np.int64(zipf[slot])
            words += 1
            sentence += 1
            length = min(word_size, 20)
            length_sum += length
            length_square += length * length
            style[20 + min(word_size, 12)] += 1
            if rarity:
                known += 1
                value = rarity / 20.0
                zipf_sum += value
                zipf_square += value * value
                style[4 + max(0, min(8, int((value - 3.0) * 2)))] += 1
            else:
                style[3] += 1
            if 1 <= code <= RATED:
                style[58 + code - 1] += 1
            if not ended:
                capital += first_upper
            shout += word_upper > 1
            contraction += apostrophe
            bit = (word_hash * _MIX) >> np.uint64(52)
            if not (seen[bit >> np.uint64(6)] >> (bit & np.uint64(63)) & np.uint64(1)):
                if words <= 200:
                    distinct += 1
                seen[bit >> np.uint64(6)] |= np.uint64(1) << (bit & np.uint64(63))
            if words <= 100:
                style[18] = distinct
            two = tail & np.uint64(0xFFFF)
            three = tail & np.uint64(0xFFFFFF)
            if word_size > 4:
                if three == 0x696E67:
                    style[34] += 1
                elif two == 0x6C79:
                    style[35] += 1
                elif two == 0x6564:
                    style[36] += 1
                elif three == 0x696F6E:
                    style[37] += 1
                elif two == 0x6573:
                    style[38] += 1
                elif byte_at(tail) == 0x73:
                    style[39] += 1
                elif two == 0x6572:
                    style[40] += 1
                elif three == 0x6E7473 or three == 0x656E74:  # noqa: PLR1714  numba knows no sets of numbers here
                    style[41] += 1
                elif three == 0x657373:
                    style[42] += 1
                elif three == 0x697479:
                    style[43] += 1
                elif three == 0x697665:
                    style[44] += 1
                elif two == 0x616C:
                    style[45] += 1
                elif three == 0x6F7573:
                    style[46] += 1
                elif three == 0x66756C:
                    style[47] += 1
                elif three == 0x616E74 or three == 0x6E6365:  # noqa: PLR1714  numba knows no sets of numbers here
                    style[48] += 1
                elif three == 0x61626C or three == 0x626C65:  # noqa: PLR1714  numba knows no sets of numbers here
                    style[49] += 1
            if ended and code:
                style[50] += 1
            if code == 0:
                code = 4096 + np.int64(
                    ((two * _MIX) >> np.uint64(54)) + (np.uint64(1024) if first_upper and not ended else np.uint64(0))
                )
            ended = False
            context = (context << np.uint64(16)) | np.uint64(code)
            n_word = _word_grams(context, word_grams, n_word)
            word_size = 0
            word_upper = 0
            apostrophe = False
            tail = np.uint64(0)
            word_hash = np.uint64(14695981039346656037)
        if byte != _SPACE and byte < 128:
            mark = punctuation[byte]
            if mark:
                style[58 + RATED + mark - 1] += 1
                context = (context << np.uint64(16)) | np.uint64(8192 + mark)
                n_word = _word_grams(context, word_grams, n_word)
        if (byte in (46, 33, 63) and at + 2 < size and text[at + 1] in (_SPACE, 34, 41, 39)) or at == size:
            if sentence:
                sentences += 1
                sentence_sum += sentence
                sentence_square += sentence * sentence
                short += sentence < 8
                long += sentence > 28
                if previous_sentence >= 0:
                    jump_sum += abs(sentence - previous_sentence)
                previous_sentence = sentence
            sentence = 0
            ended = True
    total = max(words, 1)
    for index in range(3, 13):
        style[index] /= total
    for index in range(21, 33):
        style[index] /= total
    for index in range(34, 50):
        style[index] /= total
    for index in range(58, STYLE):
        style[index] /= total
    style[0] = np.log(total)
    mean = length_sum / total
    style[1] = mean
    style[2] = np.sqrt(max(length_square / total - mean * mean, 0.0))
    seen_words = max(known, 1)
    mean = zipf_sum / seen_words
    style[13] = mean
    style[14] = np.sqrt(max(zipf_square / seen_words - mean * mean, 0.0))
    count = max(sentences, 1)
    mean = sentence_sum / count
    deviation = np.sqrt(max(sentence_square / count - mean * mean, 0.0))
    style[15] = mean
    style[16] = deviation
    style[17] = deviation / max(mean, 1.0)
    style[18] /= min(total, 100)
    style[19] = distinct / min(total, 200)
    style[20] = repeated_blocks / max(n_blocks, 1)
    style[33] = size / total
    style[50] /= count
    style[51] = short / count
    style[52] = long / count
    style[53] = jump_sum / max(sentences - 1, 1) / max(mean, 1.0)
    style[54] = capital / total
    style[55] = shout / total
    style[56] = contraction / total
    style[57] = sentences
    return n_char, n_word, words


@njit(inline="always")
def byte_at(tail: np.uint64) -> np.uint64:
    return tail & np.uint64(0xFF)


@njit(inline="always")
def _word_grams(context: np.uint64, out: NDArray[np.int32], count: int) -> int:
    """The grams of one to four masked words that end here."""
    out[count] = np.int32(((context & np.uint64(0xFFFF)) * _MIX) >> _WORD_SHIFT)
    out[count + 1] = np.int32(((context & np.uint64(0xFFFFFFFF)) * _MIX3) >> _WORD_SHIFT)
    out[count + 2] = np.int32(((context & np.uint64(0xFFFFFFFFFFFF)) * _MIX4) >> _WORD_SHIFT)
    out[count + 3] = np.int32((context * _MIX5) >> _WORD_SHIFT)
    return count + 4


def word_key(word: bytes) -> int:
    """The key of a lower-case word in the word table: the upper half of its FNV-1a hash, never 0."""
    value = 14695981039346656037
    for byte in word:
        value = ((value ^ byte) * 1099511628211) & (2**64 - 1)
    return (value >> 32) | 1
