"""The gate, measured on answers of real models and in simulation.

python -m bench.gate damage DATA      planted damage and harmless changes: verdicts and reasons
python -m bench.gate matrix DATA      the verdict for every ordered pair of real models
python -m bench.gate null DATA        real answers that change sides: nothing differs; coverage of every interval, verdicts
python -m bench.gate power DATA       the same with losses at the margins and twice as large
python -m bench.gate languages        zh, ja, ar and de simulated: nothing differs; with every kind of damage
python -m bench.gate checked          items with a checker, simulated
python -m bench.gate speed [DATA]     the library beside reference implementations; with DATA one comparison and a whole gate

DATA is a folder with generations/MODEL.parquet and generations/index.csv; it is not in the project.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bench.gate import damage, draws, redraws, simulated, speed
from bench.gate.answers import random_of
from bench.gate.figures import figure_table
from bench.gate.kinds import KINDS, Expected
from bench.gate.matrix import matrix
from bench.gate.pairs import PAIRS

_CONSOLE = Console(width=200)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(required=True, metavar="PART")
    _damage_options(parts.add_parser("damage"))
    of_matrix = _options(parts.add_parser("matrix"))
    of_matrix.set_defaults(work=lambda asked: _CONSOLE.print(matrix(asked.data, processes=asked.workers)))
    for name, settings_of in (("null", redraws.null), ("power", redraws.power)):
        part = _drawing(_options(parts.add_parser(name)))
        part.set_defaults(settings=lambda asked, of=settings_of: of(asked.data, seed=asked.seed), work=_draws)
    languages = _drawing(_options(parts.add_parser("languages"), data=False))
    languages.set_defaults(settings=lambda asked: simulated.languages(seed=asked.seed), work=_draws)
    checked = _drawing(_options(parts.add_parser("checked"), data=False))
    checked.set_defaults(settings=lambda asked: simulated.checked(seed=asked.seed), work=_draws)
    of_speed = parts.add_parser("speed")
    of_speed.add_argument("data", type=Path, nargs="?")
    of_speed.add_argument("--only", action="append", help="bleu, lexical, semantic, compare or gate; may be repeated")
    of_speed.set_defaults(work=_speed)
    warnings.simplefilter("ignore")
    asked = parser.parse_args()
    asked.work(asked)


def _options(parser: argparse.ArgumentParser, *, data: bool = True) -> argparse.ArgumentParser:
    if data:
        parser.add_argument("data", type=Path, help="a folder with the answers of real models")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    return parser


def _drawing(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--only", default="", help="only settings whose name has these words in it")
    parser.add_argument("--times", type=int, help="so many draws of each setting")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="a CSV file of every interval, written setting by setting")
    return parser


def _draws(asked: argparse.Namespace) -> None:
    settings: Sequence[draws.Setting] = [setting for setting in asked.settings(asked) if asked.only in str(setting)]
    for table in draws.run(settings, times=asked.times, processes=asked.workers, out=asked.out):
        _CONSOLE.print(table)


def _speed(asked: argparse.Namespace) -> None:
    works = {"bleu": speed.bleu, "lexical": speed.lexical, "semantic": speed.semantic}
    if asked.data:
        works["compare"] = lambda: speed.one_comparison(asked.data)
        works["gate"] = lambda: speed.whole_gate(asked.data)
    figures = [figure for name, work in works.items() if not asked.only or name in asked.only for figure in work()]
    _CONSOLE.print(figure_table(figures))


def _damage_options(parser: argparse.ArgumentParser) -> None:
    _options(parser)
    parser.add_argument("--pair", action="append", choices=[*PAIRS], help="may be repeated; default: the single pairs")
    parser.add_argument("--kind", action="append", help="only kinds whose name begins so; may be repeated")
    parser.add_argument("--expected", choices=[*Expected], help="only these kinds")
    parser.add_argument("--sample", type=int, help="a random sample of so many cases")
    parser.add_argument("--prompts", type=int, default=0, help="the first so many prompts only")
    parser.add_argument("--seed", type=int, default=0, help="other answers are hit")
    parser.add_argument("--out", type=Path, help="a CSV file, written as results come")
    parser.add_argument("--wrong", action="store_true", help="print only what is wrong")
    parser.set_defaults(work=_damage)


def _damage(asked: argparse.Namespace) -> None:
    kinds = [
        kind
        for kind in KINDS.values()
        if (not asked.kind or kind.name.startswith(tuple(asked.kind))) and asked.expected in (None, kind.expected)
    ]
    pairs = asked.pair or [name for name, pair in PAIRS.items() if pair.by_default]
    planned = damage.cases(pairs, kinds, prompts=asked.prompts, seed=asked.seed)
    if asked.sample:
        planned = random_of(asked.seed, "sample").sample(planned, min(asked.sample, len(planned)))
    results = damage.run(planned, asked.data, processes=asked.workers, out=asked.out)
    _CONSOLE.print(damage.result_table(results, wrong_only=asked.wrong))
    _CONSOLE.print(damage.total_table(results))


if __name__ == "__main__":
    main()
