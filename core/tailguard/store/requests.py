"""What runs were asked for, kept so that a run can be resumed and repeated. Reading back gives the same request."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from tailguard.domain.requests import BatchRequest, Recipe, RunRequest
from tailguard.store.files import Store

KIND = "requests"


def put_request(store: Store, request: RunRequest, root: Path) -> str:
    """Keep a request; returns its digest. Files inside `root` are named by their place there, so that a copy of the folder
    asks for the same."""
    batches = [replace(batch, file=_relative(batch.file, root.resolve())) for batch in request.batches]
    return store.put_json(KIND, {"batches": [asdict(batch) for batch in batches], "recipe": asdict(request.recipe)})


def read_request(store: Store, digest: str, root: Path) -> RunRequest:
    """A request as it was kept, its files found from `root`."""
    content = store.json(KIND, digest)
    recipe = content["recipe"]
    return RunRequest(
        batches=tuple(
            BatchRequest(_absolute(batch["file"], root), batch["source"], batch["declared"])
            for batch in content["batches"]
        ),
        recipe=Recipe(**{**recipe, "without": tuple(recipe["without"])}),
    )


def _relative(file: str, root: Path) -> str:
    if "://" in file:
        return file
    path = Path(file).resolve()
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _absolute(file: str, root: Path) -> str:
    return file if "://" in file else str(root / file)
