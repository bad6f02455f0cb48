"""Challenger: another rule book beside the one in force, first in its shadow, then for some, then for all.

`plan` says how far it has come and `following` has it so, `contender` whose decisions it makes; `common`,
`contact` and `caps` are what both books keep to; `shadowing` lets it decide unseen, `comparing` tells how
it differs.
"""
