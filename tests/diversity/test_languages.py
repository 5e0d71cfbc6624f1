"""A text's language is decided where its words or its script show it, and left open where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from wordfreq import top_n_list

from tailguard.diversity import languages as module
from tailguard.diversity.languages import (
    CODES,
    ENGLISH,
    UNDECIDED,
    differ,
    language_of,
    languages,
    name_of,
)
from tailguard.diversity.lexical import numbered
from tailguard.diversity.metrics import words

TEXTS = {
    "English": "The train was late again, so we walked home along the river and talked about what we would do in the summer.",
    "German": "Der Zug hatte wieder Verspätung, und so gingen wir am Fluss entlang nach Hause und sprachen über das, was wir im "
    "Sommer machen wollen.",
    "French": "Le train était encore en retard, alors nous sommes rentrés à pied le long de la rivière et nous avons parlé de ce "
    "que nous ferons en été.",
    "Spanish": "El tren llegó tarde otra vez, así que volvimos a casa por la orilla del río y hablamos de lo que vamos a hacer "
    "en el verano.",
    "Italian": "Il treno era di nuovo in ritardo, così siamo tornati a casa lungo il fiume e abbiamo parlato di quello che "
    "faremo con gli amici in estate.",
    "Portuguese": "O trem atrasou de novo, então fomos para casa pela margem do rio e falamos sobre o que vamos fazer no verão "
    "com os nossos amigos.",
    "Dutch": "De trein had weer vertraging, dus we liepen langs de rivier naar huis en spraken over wat we in de zomer zouden "
    "gaan doen met het geld.",
    "Swedish": "Tåget var sent igen, så vi gick hem längs floden och pratade om vad vi skulle göra när det blir sommar och det är "
    "varmt.",
    "Danish or Norwegian": "Toget var forsinket igen, så vi gik hjem langs floden og talte om, hvad vi skulle lave til sommer, når "
    "det er varmt og vi har fri.",
    "Finnish": "Juna oli taas myöhässä, joten kävelimme kotiin joen vartta pitkin ja puhuimme siitä, mitä me teemme kun kesä "
    "on tullut, mutta se ei ole vielä varmaa.",
    "Polish": "Pociąg znowu się spóźnił, więc poszliśmy do domu wzdłuż rzeki i rozmawialiśmy o tym, co będziemy robić na "
    "wakacjach, jak już jest po egzaminach.",
    "Czech": "Vlak měl zase zpoždění, a tak jsme šli domů podél řeky a mluvili jsme o tom, co se bude dít v létě, když už je po "
    "zkouškách.",
    "Hungarian": "A vonat megint késett, ezért gyalog mentünk haza a folyó mentén, és arról beszéltünk, hogy mit fogunk csinálni, "
    "ha már nem kell tanulni és itt van a nyár.",
    "Romanian": "Trenul a avut din nou întârziere, așa că am mers pe jos acasă de-a lungul râului și am vorbit despre ce o să "
    "facem la vară cu toți cei care nu au un loc de muncă.",
    "Turkish": "Tren yine geç kaldı, biz de nehir boyunca eve kadar yürüdük ve yaz için ne yapmak istediğimizi konuştuk ama daha "
    "çok şey var, bu kadar da değil.",
    "Indonesian or Malay": "Kereta itu terlambat lagi, jadi kami pulang berjalan kaki di tepi sungai dan berbicara tentang apa "
    "yang akan kami lakukan pada musim panas ini.",
    "Vietnamese": "Chuyến tàu lại đến muộn nên chúng tôi đi bộ về nhà dọc theo bờ sông và nói về những gì chúng tôi sẽ làm trong "
    "mùa hè này.",
    "Filipino": "Nahuli na naman ang tren kaya naglakad kami pauwi sa tabi ng ilog at nag-usap tungkol sa kung ano ang gagawin "
    "namin sa tag-init.",
    "Russian": "Поезд снова опоздал, и мы пошли домой вдоль реки и говорили о том, что мы будем делать летом, если у нас будет "
    "время.",
    "Ukrainian": "Потяг знову запізнився, і ми пішли додому вздовж річки та говорили про те, що ми будемо робити влітку, якщо буде "
    "час, бо це ще не відомо.",
    "Bulgarian": "Влакът отново закъсня и ние се прибрахме пеша по реката, като говорихме за това, което ще правим през лятото, "
    "ако не се наложи да сме на работа.",
    "Greek": "Το τρένο άργησε πάλι και γυρίσαμε στο σπίτι με τα πόδια δίπλα στο ποτάμι μιλώντας για το καλοκαίρι.",
    "Arabic": "تأخر القطار مرة أخرى، لذلك مشينا إلى البيت على طول النهر وتحدثنا عن ما سوف نفعله في الصيف مع كل من كان هنا من قبل.",
    "Persian": "قطار دوباره دیر کرد و ما از کنار رودخانه به خانه رفتیم و در این باره حرف زدیم که در تابستان چه کار خواهیم کرد.",
    "Hebrew": "הרכבת איחרה שוב ולכן הלכנו הביתה לאורך הנהר ודיברנו על מה שנעשה בקיץ",
    "Hindi": "ट्रेन फिर से देर से आई इसलिए हम नदी के किनारे पैदल घर गए और गर्मियों के बारे में बात की",
    "Korean": "기차가 또 늦어서 우리는 강을 따라 집까지 걸어가며 여름에 무엇을 할지 이야기했다",
}
UNSPACED = {
    "Chinese": "火车又晚点了所以我们沿着河边走回家谈论夏天要做的事情",
    "Japanese": "電車がまた遅れたので私たちは川に沿って歩いて家に帰り夏の予定について話した",
    "Thai": "รถไฟมาสายอีกแล้วเราจึงเดินกลับบ้านตามริมแม่น้ำ",
}


def code_of(text: str) -> int:
    return language_of(words(text))


def bigrams(text: str) -> list[str]:
    return [text[at : at + 2] for at in range(len(text) - 1)]


@pytest.mark.parametrize("name", TEXTS)
def test_a_sentence_shows_its_language(name: str) -> None:
    assert name_of(code_of(TEXTS[name])) == name


@pytest.mark.parametrize("name", UNSPACED)
def test_scripts_without_spaces_show_theirs_in_character_bigrams(name: str) -> None:
    assert name_of(language_of(bigrams(UNSPACED[name]))) == name


def test_answers_are_judged_one_by_one() -> None:
    texts = [*map(words, TEXTS.values()), [], ["yes"], *map(bigrams, UNSPACED.values())]
    units, offsets, vocabulary = numbered(texts)

    codes = languages(vocabulary, units, offsets)

    assert codes.dtype == np.int16
    assert codes.tolist() == [language_of(text) for text in texts]


UNDECIDABLE = {
    "short": "Non, je ne sais pas encore.",
    "names": "Ana Maria de la Cruz, João Silva, Ingrid Bergman, Giuseppe Verdi, Jean Dupont, Lars Nilsson, Ivan Petrov",
    "schedule": "Mon: 30 min yoga, 5 min rest. Tue: 40 min walk, 5 min rest. Wed: 45 min cycling, 5 min rest.",
    "one word": "Ang Lee, Ang Thong, Ang Peng Siong, Ang Chin, Ang Hui Ming",
    "formula": "a = b + c, e = a * o + i, y = m x + n, z = s t u, o = a e, i = e o, k = v w",
    "letters": "a e i o u y a e i o u y s z k v w n l d",
    "numbers": "1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233",
    "code": "for i in range(n): var[i] = max(min(var[i], sum(res)), len(arr)) print(var) def main(): return None",
    "emoji": "🙂 🙂 🙂 🙂 🙂 🙂 🙂 🙂 🙂 🙂",
}


@pytest.mark.parametrize("kind", UNDECIDABLE)
def test_what_shows_no_language_is_not_called_foreign(kind: str) -> None:
    assert code_of(UNDECIDABLE[kind]) in (UNDECIDED, ENGLISH)


def test_english_with_foreign_names_and_quotes_is_english() -> None:
    text = """Jean-Luc de la Fontaine and María José García met in the Café de Flore, where he read "La vie en rose" to her
    and she said that the Rue des Écoles was the most beautiful street in Paris. São Paulo was far away for both of them."""

    assert code_of(text) == ENGLISH
    assert language_of([*words(TEXTS["English"]), *bigrams("你好吗"), *words("Спасибо")]) == ENGLISH


def test_an_answer_of_two_languages_is_undecided() -> None:
    assert language_of([*words(TEXTS["English"]), *words(TEXTS["Dutch"])]) == UNDECIDED


def test_text_in_a_known_script_without_common_words_is_only_known_by_its_script() -> None:
    code = code_of("молоко, масло, сахар, мука, лимон, ваниль, соль, базилик, томат, горох")

    assert name_of(code) == "Cyrillic script"


def test_languages_differ_where_both_are_decided() -> None:
    pairs: list[tuple[str, str, bool]] = [
        ("English", "French", True),
        ("English", "English", False),
        ("Russian", "Ukrainian", True),
        ("Russian", "Cyrillic script", False),
        ("Cyrillic script", "Cyrillic script", False),
        ("English", "Cyrillic script", True),
        ("Arabic script", "Cyrillic script", True),
        ("Chinese", "Japanese", True),
    ]
    first = np.array([CODES[name] for name, _, _ in pairs], dtype=np.int16)
    second = np.array([CODES[name] for _, name, _ in pairs], dtype=np.int16)

    assert differ(first, second).tolist() == [expected for *_, expected in pairs]
    assert differ(second, first).tolist() == [expected for *_, expected in pairs]
    assert not differ(first, np.full_like(first, UNDECIDED)).any()
    assert not differ(np.full_like(first, UNDECIDED), second).any()


def test_codes_and_names_belong_together() -> None:
    assert [name_of(code) for code in CODES.values()] == list(CODES)
    for code in (UNDECIDED, len(CODES)):
        with pytest.raises(ValueError, match="is no language"):
            name_of(code)


@pytest.mark.parametrize("language", ["en", "fr", "ru", "ar"])
def test_the_head_of_a_list_is_what_wordfreq_calls_commonest(language: str) -> None:
    expected: Sequence[str] = top_n_list(language, 150, wordlist="small")
    lettered = [word for word in expected if not any(letter.isdigit() for letter in word)]
    several = [word for word in lettered if len(word) > 1 or not word.isascii()]

    listed = list(zip(module._listed(language), several, strict=False))

    assert all(ours == theirs for ours, theirs in listed)
    assert len(listed) > 100


def test_blocks_are_in_order_and_apart() -> None:
    ends = [(first, last) for first, last, _ in module._BLOCKS]

    assert all(first <= last for first, last in ends)
    assert all(before[1] < after[0] for before, after in pairwise(ends))
