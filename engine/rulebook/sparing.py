"""Contact policies an action names, and passes all the same: what `attune check` remarks of them."""

from collections.abc import Sequence

from engine.rulebook.book import ActionClass
from engine.rulebook.contact import Contact, ContactPolicy
from engine.rulebook.fields import Fields
from engine.rulebook.nodes import ListNode, Scalar


def remark_spared(
    fields: Fields, action_class: ActionClass, channels: Sequence[str], contact: Contact
) -> None:
    """Remarks each policy of the action's own `contact_policies` that does not hold it back somewhere.

    `channels` are those of its treatments. What it inherits is meant for others too, and not remarked.
    """
    written = fields.node("contact_policies")
    policies = {policy.name: policy for policy in contact.policies}
    for node in written.items if isinstance(written, ListNode) else ():
        policy = policies.get(node.text) if isinstance(node, Scalar) else None
        told = policy and _told(policy, action_class, channels, contact)
        if told:
            fields.report.notice(f"spared {node.place}", node.place, told)


def _told(
    policy: ContactPolicy, action_class: ActionClass, channels: Sequence[str], contact: Contact
) -> str:
    """Why the policy does not hold the action back, and where; empty if it does everywhere."""
    if action_class is ActionClass.MANDATORY:
        return f"'{policy.name}' changes nothing: a mandatory action passes all contact policies"
    if action_class is not ActionClass.TRANSACTIONAL or policy.transactional:
        return ""
    passed = [c for c in channels if c in contact.outbound and policy.holds_on(c)]
    if not passed:
        return ""
    return (
        f"'{policy.name}' does not hold this action back on {', '.join(passed)}: a transactional action"
        " passes contact policies on outbound channels. If this one is to hold there, give it"
        " 'transactional: true'"
    )
