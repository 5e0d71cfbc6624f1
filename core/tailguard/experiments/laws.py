"""The laws of model collapse in closed form. `n` samples a generation, `t` generations, `f` synthetic share; variance 1 at first.

Each function names its source. A test holds every one against its check value and against a simulation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def replaced_variance(n: int, t: int) -> float:
    """E var_t of a Gaussian chain that is fitted to its own n samples, maximum-likelihood variance: (1 - 1/n)^t
    (I. Shumailov et al., Nature 631, 2024)."""
    return (1 - 1 / n) ** t


def replaced_deviation(n: int, t: int) -> float:
    """E s_t of the same chain with the unbiased variance: c4(n)^t (Q. Bertrand et al., ICLR 2024). E s_t^2 stays 1."""
    return c4(n) ** t


def c4(n: int) -> float:
    """E s of n standard normal samples: sqrt(2/(n-1)) Gamma(n/2) / Gamma((n-1)/2)."""
    return math.sqrt(2 / (n - 1)) * math.exp(math.lgamma(n / 2) - math.lgamma((n - 1) / 2))


def accumulated_variance(n: int, t: int) -> float:
    """E var_t of a Gaussian chain that keeps all earlier samples: prod_{k<=t} (1 - 1/(n k^2))
    (M. Gerstgrasser et al., 2024; J. Kazdan et al., 2024)."""
    return math.prod(1 - 1 / (n * k * k) for k in range(1, t + 1))


def accumulated_limit(n: int) -> float:
    """Its limit for many generations: sin(pi / sqrt n) / (pi / sqrt n)."""
    angle = math.pi / math.sqrt(n)
    return math.sin(angle) / angle


def fresh_loop_variance(n: int, f: float) -> float:
    """Variance at which a chain settles that gets n fresh samples and a share f of its own in each generation:
    (1-f) K / (1 - f K), K = 1 - 1/(n (1+f)) (S. Alemohammad et al., ICLR 2024). The mean drifts too; a formula that forgets
    that, (1-f)/(1-f+f/n), says .50 where .66 is true (n = 100, f = .99)."""
    k = 1 - 1 / (n * (1 + f))
    return (1 - f) * k / (1 - f * k)


def largest_share(n: int, *, keep: float) -> float:
    """The largest share f at which `fresh_loop_variance` still is `keep` (0 to 1); 0 where no share is. By bisection."""
    low, high = 0.0, 1.0
    if fresh_loop_variance(n, low) < keep:
        return 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if fresh_loop_variance(n, middle) >= keep else (low, middle)
    return low


def replaced_heterozygosity(shares: Sequence[float], n: int, t: int) -> float:
    """E H_t of a discrete chain, H = 1 - sum p^2: H_0 (1 - 1/n)^t (M. Seddik et al., 2024)."""
    p = np.asarray(shares, dtype=np.float64)
    return float((1 - (p**2).sum()) * (1 - 1 / n) ** t)


def types_alive(shares: Sequence[float], n: int) -> float:
    """Expected number of types in n samples: sum (1 - (1 - p)^n). What is gone after one generation does not come back."""
    p = np.asarray(shares, dtype=np.float64)
    return float((1 - (1 - p) ** n).sum())


def zipf(types: int) -> list[float]:
    """Shares of types by Zipf's law, the most frequent first."""
    weights = 1 / np.arange(1, types + 1)
    return [float(share) for share in weights / weights.sum()]


def survival(c: int, t: int) -> float:
    """Probability that a type seen c times is still there after t generations of the same size: 1 - q_t^c, q_0 = 0,
    q_t = exp(q_{t-1} - 1) (a Poisson branching process; F. Galton and H. Watson, 1875)."""
    q = 0.0
    for _ in range(t):
        q = math.exp(q - 1)
    return 1 - q**c


def replaced_regression_error(n: int, *, samples: int, dimensions: int, noise: float = 1.0) -> float:
    """Test error that linear regression has gained at generation n when each is fitted to the last one's labels:
    n sigma^2 d / (T - d - 1) (E. Dohmatob et al., 2024; M. Gerstgrasser et al., 2024). `noise` is sigma^2, `samples` T."""
    return n * noise * dimensions / (samples - dimensions - 1)


def accumulated_regression_error(n: int, *, samples: int, dimensions: int, noise: float = 1.0) -> float:
    """The same where data accumulate: sigma^2 d sum_{i<=n} 1 / (i (i T - d - 1)) (Gerstgrasser et al., 2024)."""
    return noise * dimensions * sum(1 / (i * (i * samples - dimensions - 1)) for i in range(1, n + 1))


def accumulated_regression_bound(*, samples: int, dimensions: int, noise: float = 1.0) -> float:
    """Its bound for any number of generations: (pi^2 / 6) sigma^2 d / (T - d - 1)."""
    return math.pi**2 / 6 * noise * dimensions / (samples - dimensions - 1)


def weighted_variance(w: float) -> float:
    """Variance at which a loop settles that weighs real data w and synthetic 1 - w: (w^2 + (1-w)^2) / (1 - (1-w)^2)
    (H. He et al., 2026). Least, .618, at the golden ratio w = .618."""
    return (w**2 + (1 - w) ** 2) / (1 - (1 - w) ** 2)


def filter_helps(p: float, *, phi: float, psi: float) -> bool:
    """Whether training on filtered synthetic data helps: p > psi / (phi + psi) (Y. Feng et al., 2024). `p` is the share of
    the synthetic data that is correct, `phi` and `psi` how often the filter keeps a correct and a wrong one."""
    return p > psi / (phi + psi)
