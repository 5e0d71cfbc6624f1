"""Hugging Face causal language models: trained with the Trainer, saved as transformers saves them. Needs `tailguard[hf]`."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from tailguard.errors import InputError
from tailguard.policy.adapters import HuggingFaceTraining
from tailguard.ports import TrainingJob


@dataclass(frozen=True)
class HuggingFaceTrainer:
    """The trainer port over `transformers.Trainer`: full training from the model that the policy names."""

    settings: HuggingFaceTraining
    name: str = "hf"

    def train(self, job: TrainingJob) -> None:
        """Train on `text` of each line. Raises InputError when the libraries or the model are missing."""
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        try:
            from transformers import (
                AutoModelForCausalLM,
                AutoTokenizer,
                DataCollatorForLanguageModeling,
                Trainer,
                TrainingArguments,
                set_seed,
            )
        except ImportError as error:
            raise InputError("trainer = \"hf\" needs transformers: pip install 'tailguard[hf]'.") from error
        set_seed(job.seed % 2**32)
        try:
            tokenizer = AutoTokenizer.from_pretrained(self.settings.model)
            model = AutoModelForCausalLM.from_pretrained(self.settings.model)
        except (OSError, ValueError) as error:
            raise InputError(f"[trainers.hf] model {self.settings.model!r} cannot be loaded ({error}).") from error
        tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
        with job.training_set.open(encoding="utf-8") as file:
            texts = [json.loads(line)["text"] + (tokenizer.eos_token or "") for line in file]
        records: Any = [
            {"input_ids": ids}
            for ids in tokenizer(texts, truncation=True, max_length=self.settings.max_tokens)["input_ids"]
            if ids
        ]
        arguments = TrainingArguments(
            output_dir=str(job.weights),
            num_train_epochs=self.settings.epochs,
            per_device_train_batch_size=self.settings.batch_size,
            learning_rate=self.settings.learning_rate,
            seed=job.seed % 2**32,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        Trainer(
            model=model,
            args=arguments,
            train_dataset=records,
            data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False),
        ).train()
        model.save_pretrained(job.weights)
        tokenizer.save_pretrained(job.weights)
