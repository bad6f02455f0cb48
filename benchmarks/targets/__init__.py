"""The targets: what was promised of speed, measured in one run, and whether it is so.

`target` is one line of the table · `wire`, `core`, `load`, `memory` measure · `stages` times every stage
and compares with an earlier run · `catalogue` is the table · `page` draws it.
"""
