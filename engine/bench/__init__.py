"""The bench: load as customers make it, on any installation, and how long they would have waited.

Arrivals are a Poisson process that does not wait for answers (an open loop), and latency counts from
the moment a customer meant to come. A client that waits for one answer before it asks the next stops
asking while the service stalls, and so hides the stall ("coordinated omission", Gil Tene).

`plan` what is asked for · `arrivals`, `alarm` when · `pages`, `people`, `traffic` what · `calls` how · `client` one process
of load · `latencies`, `tally` what came back · `run` all processes · `report`, `slo`, `compare` what it means.
"""
