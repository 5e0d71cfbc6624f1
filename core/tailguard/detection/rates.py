"""The measured error rates of the detector that comes with Tailguard, read without the detector itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from tailguard.errors import TailguardError
from tailguard.shipped import shipped

LEFT_OUT = "left out: all"
"""The set of texts whose domains and generators were withheld from training."""


def shipped_rates() -> Mapping[str, Mapping[str, Any]]:
    """Rates by set of texts, as `bench/train_detector.py` measured them. Raises TailguardError when the installation lacks them."""
    path = shipped("data", "detector.npz")
    if not path.exists():
        raise TailguardError(f"{path} is missing from this installation. Install Tailguard again.")
    with np.load(path, allow_pickle=False) as arrays:
        rates: Mapping[str, Mapping[str, Any]] = json.loads(arrays["header"].tobytes())["rates"]
    return rates
