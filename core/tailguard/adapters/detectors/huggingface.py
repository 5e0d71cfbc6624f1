"""A sequence classifier of Hugging Face transformers as a Scorer. Needs the extra `hf`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tailguard.errors import InputError
from tailguard.policy.adapters import HuggingFaceDetector

_BATCH = 16


class HuggingFaceScorer:
    """The logit of the model-made label against all others, one a text; long texts are cut at the model's length."""

    name = "hf"

    def __init__(self, model: Any, tokenizer: Any, label: int) -> None:
        self._model, self._tokenizer, self._label = model, tokenizer, label

    def score(self, texts: Sequence[str]) -> list[float]:
        import torch

        scores: list[float] = []
        with torch.inference_mode():
            for start in range(0, len(texts), _BATCH):
                encoded = self._tokenizer(
                    list(texts[start : start + _BATCH]), return_tensors="pt", padding=True, truncation=True
                )
                chances = self._model(**encoded).logits.float().log_softmax(dim=-1)
                mine = chances[:, self._label]
                scores += (mine - torch.log1p(-mine.exp().clamp(max=1 - 1e-7))).tolist()
        return scores


def scorer(settings: HuggingFaceDetector | None) -> HuggingFaceScorer:
    """Entry point. Raises InputError without settings, without the extra, or for a label that the model does not have."""
    if settings is None:
        raise InputError(
            "intake.detector is hf, but policy.toml has no [detectors.hf] with model and ai_label. Add it."
        )
    try:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
    except ImportError as error:
        raise InputError("The hf detector needs transformers and torch: pip install 'tailguard[hf]'.") from error
    try:
        model = AutoModelForSequenceClassification.from_pretrained(settings.model).eval()
        tokenizer = AutoTokenizer.from_pretrained(settings.model)
    except (OSError, ValueError) as error:
        raise InputError(f"detectors.hf.model {settings.model!r} cannot be loaded ({error}).") from error
    labels = {str(label): int(number) for number, label in model.config.id2label.items()}
    if settings.ai_label not in labels:
        raise InputError(
            f"detectors.hf.ai_label is {settings.ai_label!r}; the model has {', '.join(sorted(labels))}. Name one of them."
        )
    return HuggingFaceScorer(model, tokenizer, labels[settings.ai_label])
