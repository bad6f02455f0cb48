"""The stream edge: what a cluster's workers do with the log, over the same topology as one process.

`fold` applies entries to customers in Redis, `inbox` gathers them into batches, `learning` learns the
lessons, `app` is the thin layer of Faust agents around these.
"""
