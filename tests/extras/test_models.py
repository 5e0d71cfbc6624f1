"""Causal language models and the MLflow registry, for real: a tiny random GPT-2 is trained, answers, is served and registered."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="needs the extra `hf`: make test-extras")
pytest.importorskip("torch", reason="needs the extra `hf`: make test-extras")
pytest.importorskip("mlflow", reason="needs the extra `mlflow`: make test-extras")

from tailguard.adapters.generators.endpoint import Endpoint, EndpointGenerator
from tailguard.domain.facts import Evaluation, Generation
from tailguard.domain.gates import Gate
from tailguard.domain.requests import PLAIN
from tailguard.errors import Blocked, Held
from tailguard.pipeline import runner
from tailguard.ports import Decoding
from tailguard.release import rollback, ship
from tests.builders import Team, found_team, passages

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GPT-2 of two tiny layers with random weights, and a tokenizer of the words of some passages."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny")
    words = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.train_from_iterator(
        passages()[:600], trainers.WordLevelTrainer(vocab_size=2000, special_tokens=["[UNK]", "[END]"])
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]", eos_token="[END]", pad_token="[END]")
    tokenizer.chat_template = "{% for message in messages %}{{ message['content'] }} {% endfor %}"
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=words.get_vocab_size(), n_positions=128, n_embd=32, n_layer=2, n_head=2,
        bos_token_id=1, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def team(tmp_path: Path, tiny: Path) -> Team:
    text = (
        f'trainer = "hf"\n\n[trainers.hf]\nmodel = "{tiny}"\nmax_tokens = 64\nlearning_rate = 5e-3\n\n[registry]\n'
        f'kind = "mlflow"\nuri = "sqlite:///{tmp_path / "mlflow.db"}"\nmodel = "team-{{lineage}}"\n'
    )
    changes = [('trainer = "ngram"', text), ("samples = 4", "samples = 1"), ("max_tokens = 25", "max_tokens = 12")]
    return found_team(tmp_path / "team", changes=changes)


def test_a_causal_model_is_trained_evaluated_shipped_and_registered(team: Team, tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient

    run = team.run([team.batch("b", team.take(150))])

    with team.workspace.log.reading() as view:
        (made,) = view.recorded(Generation, run=run)
        (answered,) = view.recorded(Evaluation, run=run)
    weights = team.workspace.store.folder("weights", made.fact.weights)
    assert made.fact.trainer == "hf"
    assert (weights / "model.safetensors").is_file()
    assert answered.fact.mean_words > 3
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    version = client.get_model_version_by_alias("team-main", "champion")
    assert version.tags["tailguard.generation"] == run
    assert version.tags["tailguard.weights"] == made.fact.weights

    second = runner.start(team.workspace, "main", [team.batch("c", team.take(150))], recipe=PLAIN, seed=0)
    with suppress(Blocked, Held):  # whatever the gate says: an override opens it below
        runner.advance(team.workspace, second, until="gate")
    _let_through(team, second)
    ship.ship(team.workspace, second)
    assert client.get_model_version_by_alias("team-main", "champion").tags["tailguard.generation"] == second
    rollback.rollback(team.workspace, "main", reason="the second one was a test")
    assert client.get_model_version_by_alias("team-main", "champion").tags["tailguard.generation"] == run
    assert len(client.search_model_versions("name = 'team-main'")) == 2


def _let_through(team: Team, run: str) -> None:
    from datetime import timedelta

    from tailguard.overrides import requests

    lin = team.workspace.as_actor("lin")
    asked = requests.request(
        lin,
        gate=Gate.DIVERSITY,
        run=run,
        reason="for the test of the registry",
        expires=team.clock.now() + timedelta(days=9),
    )
    requests.decide(team.workspace, asked, decision="approved", note="")


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """`transformers serve`: a server of the OpenAI protocol that others wrote."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("transformers")), "serve", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(  # noqa: S603  the server above
        command, env={**os.environ, "HF_HUB_OFFLINE": "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    until = time.monotonic() + 180
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).read()
            break
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                process.kill()
                output = process.stdout.read()[-2000:] if process.stdout else ""
                pytest.fail(f"transformers serve did not come up:\n{output}")
            time.sleep(0.5)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(20)


def test_a_server_that_others_wrote_is_asked(served: str, tiny: Path, tmp_path: Path) -> None:
    endpoint = Endpoint(f"{served}/v1", str(tiny), "chat", 2, 2, 120)
    generator = EndpointGenerator(endpoint, tmp_path, lambda _done, _total: None)

    answers = generator.generate(
        Path(), [" ".join(text.split()[:4]) for text in passages()[:4]], decoding=Decoding(2, 12, 1.0), seed=1
    )

    assert [len(texts) for texts in answers] == [2, 2, 2, 2]
    assert any(text.split() for texts in answers for text in texts), json.dumps(answers)
