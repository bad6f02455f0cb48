"""The obvious thing one would write: FastAPI, a list of rules, a river model for each action.

    python -m benchmarks.peers.fastapi_service FILE

One process of uvicorn on uvloop and httptools, profiles in a dictionary, conditions as Python
functions, no log of decisions, no history, no tokens. It prints its port.
"""

import importlib
import json
import socket
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel
from river import linear_model, optim
from river.utils import VectorDict


class Question(BaseModel):
    """Who asks, and for how much."""

    customer_id: str
    max_offers: int = 10


class Offer(BaseModel):
    """What is shown."""

    action_id: str
    priority: float
    propensity: float
    content: dict[str, str]


class Answer(BaseModel):
    """The best offers, best first."""

    decision_id: str
    offers: list[Offer]


class Action(NamedTuple):
    """One action with its rule, its worth and its model."""

    action_id: str
    fits: Callable[[dict[str, Any]], bool]
    worth: float
    content: dict[str, str]
    model: Any


def app_of(told: dict[str, Any]) -> Any:
    """The service on what the file tells: customers, actions, the intercept of their models."""
    fastapi = importlib.import_module("fastapi")
    app = fastapi.FastAPI()
    customers: dict[str, dict[str, Any]] = told["customers"]
    names = {name for known in customers.values() for name in features(known)}
    actions = [_action(one, told["intercept"], names) for one in told["actions"]]

    async def decide(question: Question) -> Answer:
        known = customers.get(question.customer_id)
        if known is None:
            raise fastapi.HTTPException(404, "nobody knows this customer")
        x = features(known)
        scored = []
        for action in actions:
            if known["consent.marketing"] and action.fits(known):
                propensity = action.model.predict_proba_one(x)[True]
                scored.append((propensity * action.worth, propensity, action))
        scored.sort(key=lambda one: one[0], reverse=True)
        offers = [
            Offer(action_id=a.action_id, priority=priority, propensity=p, content=a.content)
            for priority, p, a in scored[: question.max_offers]
        ]
        return Answer(decision_id=str(uuid.uuid4()), offers=offers)

    app.add_api_route("/decide", decide, methods=["POST"])
    return app


def features(known: dict[str, Any]) -> dict[str, float]:
    """Numbers as they are, and 1 for each word."""
    return {
        (f"{name}={value}" if isinstance(value, str) else name): (
            1.0 if isinstance(value, str) else float(value)
        )
        for name, value in known.items()
    }


def _action(told: dict[str, Any], intercept: float, names: set[str]) -> Action:
    model: Any = linear_model.LogisticRegression(
        optimizer=optim.AdaGrad(0.05), intercept_init=intercept
    )
    model._weights = VectorDict(dict.fromkeys(names, 0.0))
    fits = eval(f"lambda known: {told['condition']}")
    return Action(told["action_id"], fits, told["worth"], told["content"], model)


def main() -> None:
    """Serves until it is told to stop."""
    app = app_of(json.loads(Path(sys.argv[1]).read_text()))
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    uvicorn = importlib.import_module("uvicorn")
    config = uvicorn.Config(
        app, loop="uvloop", http="httptools", log_level="warning", access_log=False
    )
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
