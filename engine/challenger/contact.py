"""Contact policies that hold for both: what the champion does not say too often, the challenger does not.

The history is one, so what either book offers counts for both. A policy that both have under one name
holds for the challenger as the challenger writes it; one that it lacks, in the book or for an action,
holds as the champion writes it.
"""

from collections.abc import Mapping
from dataclasses import replace

from engine.model import ActionId
from engine.rulebook.book import Action, ActionClass, RuleBook


def with_contact_of(champion: RuleBook, challenger: RuleBook) -> RuleBook:
    """The challenger's book with the champion's contact policies in it.

    A promotional action that the champion does not have obeys what all of its promotional actions do.
    """
    known = {policy.name for policy in challenger.contact.policies}
    more = tuple(policy for policy in champion.contact.policies if policy.name not in known)
    asked = {action.action_id: action.contact_policies for action in champion.actions}
    usual = _obeyed_by_all(champion)
    return replace(
        challenger,
        actions=tuple(_obeying(action, asked, usual) for action in challenger.actions),
        contact=replace(
            challenger.contact,
            policies=challenger.contact.policies + more,
            assume_shown=max(challenger.contact.assume_shown, champion.contact.assume_shown),
        ),
    )


def _obeyed_by_all(book: RuleBook) -> tuple[str, ...]:
    """The policies that every promotional action of a book obeys, in its order."""
    every = [a.contact_policies for a in book.actions if a.action_class is ActionClass.PROMOTIONAL]
    names = (policy.name for policy in book.contact.policies)
    return tuple(name for name in names if every and all(name in obeyed for obeyed in every))


def _obeying(
    action: Action, asked: Mapping[ActionId, tuple[str, ...]], usual: tuple[str, ...]
) -> Action:
    new = usual if action.action_class is ActionClass.PROMOTIONAL else ()
    missing = [n for n in asked.get(action.action_id, new) if n not in action.contact_policies]
    if not missing:
        return action
    return replace(action, contact_policies=(*action.contact_policies, *missing))
