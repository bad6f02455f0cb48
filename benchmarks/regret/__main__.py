"""Cumulative regret of Attune and of others, on the same customers, actions, chances and seeds.

    python -m benchmarks.regret [--rounds 20000] [--seeds 5] [--actions 30] [--rate 0.05]
                                [--truth linear interaction drifting] [--players NAME …]

Peers take part where they are installed (`pip install vowpalwabbit mabwiser`). Everybody is asked
one round after the other, and learns from its own offers only. Attune plays by its rule book's
defaults, through `Decider.decide` and the learner, as the service does. Less is better.
"""

import argparse

from benchmarks.regret.contest import Standing, players, regret, standing, tenths
from benchmarks.regret.world import TRUTHS, world


def main() -> None:
    """Prints a table for each truth, a line as soon as a player has been through all seeds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, usual in (("rounds", 20_000), ("seeds", 5), ("actions", 30)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument("--truth", nargs="+", choices=TRUTHS, default=TRUTHS)
    known = players()
    parser.add_argument("--players", nargs="+", choices=known, default=tuple(known))
    asked = parser.parse_args()
    print(
        f"{asked.rounds:,} rounds, {asked.actions} actions that come and go,"
        f" {asked.rate:.0%} of offers made at random are taken, {asked.seeds} seeds"
    )
    for truth in asked.truth:
        print(f"\n{truth + ' truth':<32}{'after a tenth':>16}{'after half':>16}{'at the end':>16}")
        worlds = [
            world(truth, seed, asked.rounds, asked.actions, asked.rate)
            for seed in range(asked.seeds)
        ]
        for name in asked.players:
            curves = [
                tenths(regret(one, known[name](one, seed))) for seed, one in enumerate(worlds)
            ]
            print(_line(standing(name, curves)), flush=True)


def _line(found: Standing) -> str:
    cells = [f"{found.means[at]:,.0f} ± {found.halves[at]:,.0f}" for at in (0, 4, 9)]
    return f"{found.player:<32}" + "".join(f"{cell:>16}" for cell in cells)


if __name__ == "__main__":
    main()
