"""Lets a Hugging Face causal language model answer. Needs `tailguard[hf]`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tailguard.errors import InputError
from tailguard.ports import Decoding

_BATCH = 16


class HuggingFaceGenerator:
    """The generator port over `transformers`: the weights folder is what `save_pretrained` wrote."""

    def __init__(self, progress: Callable[[int, int], None]) -> None:
        self._progress = progress

    def generate(
        self, weights: Path, prompts: Sequence[str], *, decoding: Decoding, seed: int
    ) -> list[tuple[str, ...]]:
        """Sampling without top-k or top-p, in batches. Raises InputError when the libraries or the weights are missing."""
        try:
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed
        except ImportError as error:
            raise InputError("generator = \"hf\" needs transformers: pip install 'tailguard[hf]'.") from error
        try:
            tokenizer = AutoTokenizer.from_pretrained(weights, padding_side="left")
            model = AutoModelForCausalLM.from_pretrained(weights)
        except (OSError, ValueError) as error:
            raise InputError(f"{weights} cannot be loaded as a causal language model ({error}).") from error
        tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
        device = "cuda" if torch.cuda.is_available() else "cpu"
        model.to(device).eval()
        set_seed(seed % 2**32)
        start = tokenizer.bos_token or tokenizer.eos_token or ""
        answers: list[tuple[str, ...]] = []
        for first in range(0, len(prompts), _BATCH):
            asked = [prompt or start for prompt in prompts[first : first + _BATCH]]
            inputs = tokenizer(asked, return_tensors="pt", padding=True).to(device)
            with torch.no_grad():
                made = model.generate(
                    **{key: inputs[key] for key in ("input_ids", "attention_mask")},
                    do_sample=True,
                    temperature=decoding.temperature,
                    top_k=0,
                    top_p=1.0,
                    max_new_tokens=decoding.max_tokens,
                    num_return_sequences=decoding.samples,
                    pad_token_id=tokenizer.pad_token_id,
                )
            texts = tokenizer.batch_decode(made[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
            answers += [tuple(texts[at : at + decoding.samples]) for at in range(0, len(texts), decoding.samples)]
            self._progress(len(answers) * decoding.samples, len(prompts) * decoding.samples)
        return answers
