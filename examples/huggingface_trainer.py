"""Fine-tune a causal language model with the Hugging Face Trainer, on a training set that was cleared and on no other.

TAILGUARD_PUBLIC_KEY=team.pub python examples/huggingface_trainer.py TRAINING_SET MODEL OUTPUT

Needs `pip install 'tailguard[hf]' datasets accelerate`. The clearance is looked for in TAILGUARD_CLEARANCE, else beside the
training set as TRAINING_SET.clearance.json.
"""

import sys

import tailguard


def main(training_set: str, model_name: str, output: str) -> None:
    """Nothing heavy is loaded before the set is known to be cleared."""
    cleared = tailguard.require_clearance(training_set)
    print(f"{cleared.run}: {cleared.reason}; good until {cleared.expires:%Y-%m-%d %H:%M} UTC")  # noqa: T201

    from datasets import load_dataset
    from transformers import (
        AutoModelForCausalLM,
        AutoTokenizer,
        DataCollatorForLanguageModeling,
        Trainer,
        TrainingArguments,
    )

    tokenizer = AutoTokenizer.from_pretrained(model_name)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    records = load_dataset("json", data_files=training_set, split="train").select_columns(["text"])
    tokens = records.map(
        lambda rows: tokenizer(rows["text"], truncation=True, max_length=512), batched=True, remove_columns=["text"]
    )
    trainer = Trainer(
        model=AutoModelForCausalLM.from_pretrained(model_name),
        args=TrainingArguments(output, num_train_epochs=1, report_to=[]),
        train_dataset=tokens,
        data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False),
    )
    trainer.train()
    trainer.save_model(output)


if __name__ == "__main__":
    main(*sys.argv[1:4])
