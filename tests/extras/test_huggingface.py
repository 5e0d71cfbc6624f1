"""The Hugging Face detector on a tiny model that is built here; `make test-extras` installs what it needs."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="needs the extra `hf`: make test-extras")
pytest.importorskip("torch", reason="needs the extra `hf`: make test-extras")

from tailguard.adapters.detectors import scorer_named
from tailguard.adapters.detectors.huggingface import scorer
from tailguard.detection import team
from tailguard.errors import InputError
from tailguard.policy.adapters import HuggingFaceDetector
from tailguard.policy.reading import parse_policy, template
from tailguard.store.files import Store

pytestmark = pytest.mark.filterwarnings("ignore")
HUMAN = [f"the heron was late on day {number} and nobody wrote it down" for number in range(500)]
MODEL = [f"it is important to consider key factor {number} in conclusion" for number in range(500)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two tiny layers, trained for a moment to tell the two kinds of sentence apart."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("model")
    words = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.train_from_iterator(
        [*HUMAN[:50], *MODEL[:50]], trainers.WordLevelTrainer(special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="[UNK]", pad_token="[PAD]", model_max_length=32
    )
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=words.get_vocab_size(), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=32,
        id2label={0: "human", 1: "generated"}, label2id={"human": 0, "generated": 1},
    )  # fmt: skip
    network = BertForSequenceClassification(config)
    step = torch.optim.Adam(network.parameters(), lr=0.01)
    encoded = tokenizer([*HUMAN[:50], *MODEL[:50]], return_tensors="pt", padding=True, truncation=True)
    labels = torch.tensor([0] * 50 + [1] * 50)
    for _ in range(30):
        step.zero_grad()
        network(**encoded, labels=labels).loss.backward()
        step.step()
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_classifier_scores_its_model_made_label(model: Path) -> None:
    found = scorer(HuggingFaceDetector(model=str(model), ai_label="generated"))

    human, made = found.score(HUMAN[:40]), found.score(MODEL[:40])

    assert max(human) < min(made)
    assert found.score([]) == []


def test_it_is_found_by_its_name_calibrated_and_kept(model: Path, tmp_path: Path) -> None:
    text = template("ada").replace('detector = "style"', 'detector = "hf"')
    policy = parse_policy(f'{text}\n[detectors.hf]\nmodel = "{model}"\nai_label = "generated"\n', "policy")
    named = scorer_named(policy, "hf")
    assert named is not None

    detector = team.calibrate(HUMAN, MODEL, scorer=named, error_rate=0.05, seed=0)
    store = Store(tmp_path)
    again = team.load(store, team.keep(detector, store), error_rate=0.05, named=lambda _: named)

    assert team.rates(again).auroc > 0.99
    assert [judgement.verdict for judgement in again.judge([HUMAN[3], MODEL[3]])][1] == "ai"


def test_what_is_missing_is_said(model: Path) -> None:
    with pytest.raises(InputError, match=r"no \[detectors\.hf\]"):
        scorer(None)
    with pytest.raises(InputError, match="the model has generated, human"):
        scorer(HuggingFaceDetector(model=str(model), ai_label="robot"))
    with pytest.raises(InputError, match="cannot be loaded"):
        scorer(HuggingFaceDetector(model=str(model / "nowhere"), ai_label="robot"))
