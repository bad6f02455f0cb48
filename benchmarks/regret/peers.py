"""Others as players: Vowpal Wabbit, MABWiser, and chance alone. They need `pip install` of their own."""

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import numpy as np

from benchmarks.regret.world import World


class Player(Protocol):
    """Whoever offers one action a round."""

    def play(self, round_: int) -> int:
        """The action offered in a round, one of those that are open; learned from before the next one."""


class Uniform:
    """Any open action, each as likely."""

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._chance = np.random.default_rng(seed)

    def play(self, round_: int) -> int:
        """One at random."""
        return int(self._chance.choice(self._world.open_at(round_)))


class VowpalWabbit:
    """`cb_explore_adf`: each open action is described by its name and its group, crossed with the customer.

    The interactions are all pairs of what is known of the customer with the action and with its group,
    which is what Attune's model has. `options` are the explorer's.
    """

    def __init__(self, world: World, seed: int, options: str) -> None:
        self._world = world
        self._chance = np.random.default_rng(seed)
        package = importlib.import_module("vowpalwabbit")
        self._vw = package.Workspace(
            f"--cb_explore_adf {options} -q UA -q UG --quiet --random_seed {seed + 1}"
        )

    def play(self, round_: int) -> int:
        """Drawn from the distribution that is predicted, and taught with its probability."""
        world, options = self._world, self._world.open_at(round_)
        lines = [self._shared(round_)]
        lines += [f"|A a{action} |G g{world.groups[action]}" for action in options]
        shares = np.array(self._vw.predict(lines))
        shares /= shares.sum()
        at = int(self._chance.choice(len(options), p=shares))
        cost = -float(world.takes(round_, options[at]))
        lines[1 + at] = f"0:{cost}:{shares[at]:.6f} {lines[1 + at]}"
        self._vw.learn(lines)
        return options[at]

    def _shared(self, round_: int) -> str:
        known, numbers = self._world.customers[round_], self._world.vectors[round_]
        named = f"s={known.segment} p={known.plan} r={known.region}"
        heavy = " heavy" if known.heavy else ""
        age, tenure, spend = numbers[-3:]
        return f"shared |U {named}{heavy} age:{age:.4f} tenure:{tenure:.4f} spend:{spend:.4f}"


class MabWiser:
    """A linear model for each action; actions are added and removed as they come and go."""

    def __init__(self, world: World, seed: int, policy: str, **parameters: float) -> None:
        self._world = world
        self._chance = np.random.default_rng(seed)
        mab = importlib.import_module("mabwiser.mab")
        self._known = world.open_at(0)
        self._mab = mab.MAB(
            list(self._known), getattr(mab.LearningPolicy, policy)(**parameters), seed=seed + 1
        )
        self._taught = False

    def play(self, round_: int) -> int:
        """What is predicted to be the best, and at random before anything was learned."""
        self._follow(self._world.open_at(round_))
        context = np.append(self._world.vectors[round_], 1.0)[None, :]
        if self._taught:
            action = int(self._mab.predict(context))
        else:
            action = int(self._chance.choice(self._known))
        reward = [float(self._world.takes(round_, action))]
        learn = self._mab.partial_fit if self._taught else self._mab.fit
        learn([action], reward, context)
        self._taught = True
        return action

    def _follow(self, options: list[int]) -> None:
        if options == self._known:
            return
        for action in set(self._known) - set(options):
            self._mab.remove_arm(action)
        for action in set(options) - set(self._known):
            self._mab.add_arm(action)
        self._known = options


PEERS: Final[Mapping[str, Callable[[World, int], Player]]] = {
    "uniform": Uniform,
    "VW squarecb": lambda world, seed: VowpalWabbit(world, seed, "--squarecb"),
    "VW squarecb, gamma_scale 100": lambda world, seed: VowpalWabbit(
        world, seed, "--squarecb --gamma_scale 100"
    ),
    "VW squarecb, gamma_scale 1000": lambda world, seed: VowpalWabbit(
        world, seed, "--squarecb --gamma_scale 1000"
    ),
    "VW epsilon 0.05": lambda world, seed: VowpalWabbit(world, seed, "--epsilon 0.05"),
    "VW regcb": lambda world, seed: VowpalWabbit(world, seed, "--regcb"),
    "MABWiser LinTS": lambda world, seed: MabWiser(world, seed, "LinTS", alpha=1.0),
    "MABWiser LinTS 0.1": lambda world, seed: MabWiser(world, seed, "LinTS", alpha=0.1),
    "MABWiser LinUCB": lambda world, seed: MabWiser(world, seed, "LinUCB", alpha=1.0),
    "MABWiser LinUCB 0.1": lambda world, seed: MabWiser(world, seed, "LinUCB", alpha=0.1),
}
"""Who Attune is compared with: defaults, and values tuned by hand to worlds of low rates."""


def is_installed(name: str) -> bool:
    """Whether the package that a peer needs is there."""
    package = {"VW": "vowpalwabbit", "MABWiser": "mabwiser"}.get(name.partition(" ")[0])
    return package is None or importlib.util.find_spec(package) is not None
