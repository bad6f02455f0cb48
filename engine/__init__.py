"""Attune, the real-time next-best-action engine: `ls` this folder and read the journey of one decision.

know the customer (`customer`) → filter (`rulebook`, `eligibility`) → score (`features`, `propensity`)
→ arbitrate (`arbitration`) → place (`exploration`, `placement`): told in one function, `decide`.
What comes back is joined, applied and learned by `respond`, `topology` and `learn`.
"""

import os

# grpc's handlers around fork() crash the children a server starts while calls are in flight; every
# child of ours is a new program, which needs none of them. To be said before grpc is first imported.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

# What goes wrong we say ourselves; gRPC's own lines ("E1122 … add_port.cc") would only stand beside it.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
