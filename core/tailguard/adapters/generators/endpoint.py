"""Any server that speaks the OpenAI protocol: vLLM, llama.cpp, Ollama, transformers, hosted ones.

Requests run side by side; what fails for a reason that passes (429, 5xx, a cut or slow connection) is tried again with
growing pauses, as the server's Retry-After says. Each answer is kept in a journal as it comes, so that a run that was killed
asks only for the rest. The key is read from the environment and is written nowhere.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tailguard.errors import InputError, TailguardError
from tailguard.ports import Decoding, Usage
from tailguard.store.writing import canonical_json, digest_of

if TYPE_CHECKING:
    from openai import AsyncOpenAI


@dataclass(frozen=True)
class Endpoint:
    """Where the server is (up to /v1), the model's name there, `chat` or `completions`, and how it may be asked."""

    url: str
    model: str
    api: str = "chat"
    concurrency: int = 8
    retries: int = 6
    timeout_seconds: float = 120.0
    key_variable: str = "OPENAI_API_KEY"


class EndpointGenerator:
    """The generator port over an endpoint. `journals` is the folder of the journals."""

    def __init__(self, endpoint: Endpoint, journals: Path, progress: Callable[[int, int], None]) -> None:
        self._endpoint = endpoint
        self._journals = journals
        self._progress = progress
        self._used = Usage(0, 0)

    @property
    def usage(self) -> Usage:
        """Tokens that all answers so far have cost, those from a journal included."""
        return self._used

    def generate(
        self,
        weights: Path,  # noqa: ARG002  the server has them
        prompts: Sequence[str],
        *,
        decoding: Decoding,
        seed: int,
    ) -> list[tuple[str, ...]]:
        """One request a sample, each with a seed of its own. Raises TailguardError when the server gives up on one for good;
        what was answered is kept."""
        wanted = [
            (prompt, seed * decoding.samples + sample) for prompt in prompts for sample in range(decoding.samples)
        ]
        name = [self._endpoint.url, self._endpoint.model, self._endpoint.api, str(decoding), wanted]
        journal = self._journals / f"{digest_of(canonical_json(name))}.jsonl"
        journal.parent.mkdir(parents=True, exist_ok=True)
        done = _read_journal(journal)
        self._progress(len(done), len(wanted))
        if len(done) < len(wanted):
            with journal.open("ab") as file:
                _run(lambda: self._ask_all(wanted, done, decoding, file))
        for _, prompt_tokens, completion_tokens in done.values():
            self._used = Usage(
                self._used.prompt_tokens + prompt_tokens, self._used.completion_tokens + completion_tokens
            )
        texts = [done[at][0] for at in range(len(wanted))]
        return [tuple(texts[at : at + decoding.samples]) for at in range(0, len(texts), decoding.samples)]

    async def _ask_all(
        self, wanted: Sequence[tuple[str, int]], done: dict[int, _Answer], decoding: Decoding, journal: IO[bytes]
    ) -> None:
        from openai import AsyncOpenAI

        key = os.environ.get(self._endpoint.key_variable) or "none"
        async with AsyncOpenAI(
            base_url=self._endpoint.url,
            api_key=key,
            max_retries=self._endpoint.retries,
            timeout=self._endpoint.timeout_seconds,
        ) as client:
            rest = iter([at for at in range(len(wanted)) if at not in done])

            async def work() -> None:
                for at in rest:
                    prompt, seed = wanted[at]
                    done[at] = await self._ask(client, prompt, decoding, seed)
                    journal.write(json.dumps([at, *done[at]]).encode() + b"\n")
                    journal.flush()
                    self._progress(len(done), len(wanted))

            workers = [asyncio.create_task(work()) for _ in range(self._endpoint.concurrency)]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()

    async def _ask(self, client: AsyncOpenAI, prompt: str, decoding: Decoding, seed: int) -> _Answer:
        from openai import APIStatusError, OpenAIError

        settings: dict[str, Any] = {
            "model": self._endpoint.model,
            "max_tokens": decoding.max_tokens,
            "temperature": decoding.temperature,
            "seed": seed,
        }
        try:
            if self._endpoint.api == "chat":
                message = {"role": "user", "content": prompt}
                answer: Any = await client.chat.completions.create(messages=[message], **settings)  # type: ignore[list-item]
            else:
                answer = await client.completions.create(prompt=prompt, **settings)
        except APIStatusError as error:
            problem = f"{self._endpoint.url} answered {error.status_code}: {error.message[:300]}"
            advice = "Check url, model and key." if error.status_code < 500 else "What was answered is kept; run again."
            kind = InputError if error.status_code in (400, 401, 403, 404) else TailguardError
            raise kind(f"{problem} {advice}") from error
        except OpenAIError as error:
            raise TailguardError(
                f"{self._endpoint.url} could not be asked ({error}). What was answered is kept; run again when it is up."
            ) from error
        if not answer.choices:
            raise TailguardError(
                f"{self._endpoint.url} answered without a choice. Is it a server of the OpenAI protocol?"
            )
        first = answer.choices[0]
        text = first.message.content if self._endpoint.api == "chat" else first.text
        used = answer.usage
        return text or "", used.prompt_tokens if used else 0, used.completion_tokens if used else 0


def _run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine to its end, also from a thread that has a running event loop, as notebooks do."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work())
        return
    with ThreadPoolExecutor(1) as aside:
        aside.submit(lambda: asyncio.run(work())).result()


_Answer = tuple[str, int, int]


def _read_journal(path: Path) -> dict[int, _Answer]:
    """What a journal holds; a last line that was cut off is asked for again."""
    answers: dict[int, _Answer] = {}
    if path.exists():
        content = path.read_bytes()
        kept = content[: content.rfind(b"\n") + 1]
        for line in kept.splitlines():
            at, text, prompt_tokens, completion_tokens = json.loads(line)
            answers[at] = (text, prompt_tokens, completion_tokens)
        if len(kept) < len(content):
            path.write_bytes(kept)
    return answers
