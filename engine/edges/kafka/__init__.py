"""The Kafka edge: the log of a cluster, and how what is accepted gets there.

`topics` says what lies where, `messages` in which bytes, `publisher` hands records over and knows when
Kafka has them, `spool` keeps them on this machine's disk while it is away, `log` wires these.
"""
