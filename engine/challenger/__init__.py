"""Challenger: another rule book beside the one in force, first in its shadow, then for some, then for all.

`plan` says how far it has come, `contender` decides whose decisions it makes, `common` and `caps` are
what both books keep to, `shadowing` lets it decide unseen, `comparing` tells how it differs.
"""
