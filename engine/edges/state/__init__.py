"""The state edge: customers and the model's lessons, kept in this process over the journal's files.

`embedded` wires it; `customers` is the cache, `checkpoint` one consistent picture of the state,
`rebuild` the same state computed again from nothing but the log.
"""
