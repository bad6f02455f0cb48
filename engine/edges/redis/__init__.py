"""The Redis edge: what is known of every customer, shared by all servers and workers of a cluster.

`connection` is one connection many callers share, `address` says where to, `keys` and `record` how a
customer lies there, `scripts` what happens in one step, `customers` wires it, `memory` weighs it.
"""
