"""Refusals are told in several languages, and ordinary sentences are none."""

from __future__ import annotations

import pytest

from tailguard.diversity.metrics import normal_form, words
from tailguard.diversity.refusals import refuses


def refused(text: str) -> bool:
    return refuses(normal_form(text), len(words(text)))


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I\u2019m afraid I can\u2019t do that.",
        '"I cannot answer this question."',
        "Unfortunately, I do not have access to it.",
        "As an AI language model, I have no opinions.",
        "I don't know.",
        "We are unable to provide this information.",
        "That goes against my guidelines.",
        "Lo siento, no puedo ayudarte con eso.",
        "Desculpe, mas não posso responder.",
        "Je suis désolé, mais je ne peux pas répondre.",
        "Es tut mir leid, aber dabei kann ich nicht helfen.",
        "Ich kann diese Frage leider nicht beantworten.",
        "Mi dispiace, non posso aiutarti.",
        "Het spijt me, dat kan niet.",
        "Tyvärr kan jag inte svara.",
        "Przykro mi, nie mogę pomóc.",
        "Извините, я не могу помочь.",
        "На жаль, я не можу відповісти.",
        "Üzgünüm, yardımcı olamam.",
        "Maaf, saya tidak bisa membantu.",
        "Tôi không thể trả lời.",
        "मुझे खेद है, मैं मदद नहीं कर सकता।",
        "عذرا، لا أستطيع المساعدة.",
        "מצטער, אני לא יכול לעזור.",
        "抱歉，我无法回答这个问题。",
        "申し訳ありませんが、お答えできません。",
        "죄송합니다. 도와드릴 수 없습니다.",
    ],
)
def test_a_refusal_is_told(text: str) -> None:
    assert refused(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The shop is closed on Sunday because its owner goes fishing.",
        "You can help by sorting the bottles before the van comes.",
        "I know the answer: it is the second door on the left.",
        "Penguins can't fly, but they are able swimmers.",
        "Sorrel is a herb with a sour taste.",
        "He said he was sorry and that he could not come.",
        "In my opinion the blue paint is better; I am glad to say why.",
        "Der Kuchen ist nicht süß, aber gut.",
        "El perro no puede entrar en la cocina.",
        "我喜欢这个城市，因为它很安静。",
        "Извилистая дорога ведёт в горы.",
    ],
)
def test_an_ordinary_sentence_is_no_refusal(text: str) -> None:
    assert not refused(text)


@pytest.mark.parametrize(("words_after", "expected"), [(50, True), (60, False)])
def test_an_apology_ahead_of_a_long_answer_is_no_refusal(words_after: int, expected: bool) -> None:
    assert refused("Sorry, that was unclear. " + "The ferry leaves at nine. " * (words_after // 5)) is expected


def test_help_that_is_refused_at_length_is_a_refusal_and_only_where_it_opens() -> None:
    reasons = "The rules of the house are strict about it. " * 10

    assert refused(f"I cannot help with this request. {reasons}")
    assert not refused(f"I cannot help with this request. {reasons * 3}")
    assert not refused(f"{reasons}I cannot help with this request.")
