"""The journal edge: the ordered log of what happened and the log of decisions, in SQLite files.

`entries` holds every accepted event and profile update, in order, on disk before it is acknowledged;
`decisions` the records of recent decisions; `database` what both files have in common.
"""
