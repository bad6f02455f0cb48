"""A book arrives from the process that compiled it as it left."""

from engine.rulebook.load import Loaded, load
from engine.rulebook.loaded import packed, unpacked
from tests.builders import decide
from tests.rulebook.builders import action, files


def test_a_book_decides_alike_after_the_journey():
    left = load(files())
    arrived = unpacked(packed(left))
    assert (arrived.diagnostics, arrived.files) == (left.diagnostics, files())
    assert arrived.book is not left.book
    assert left.book
    assert arrived.book
    first, second = decide(left.book), decide(arrived.book)
    assert first.placements[0].offers
    assert first.placements == second.placements
    assert first.rulebook_version == second.rulebook_version


def test_a_large_book_arrives_in_pieces_between_which_others_have_their_turn():
    left = load(files(actions=[action(f"a{n}") for n in range(60)]))
    pauses: list[None] = []
    arrived = unpacked(packed(left), lambda: pauses.append(None)).book
    assert left.book
    assert arrived
    assert len(pauses) > 60 / 25
    assert [a.action_id for a in arrived.actions] == [f"a{n}" for n in range(60)]
    assert arrived.actions == left.book.actions
    assert arrived.conditions == left.book.conditions
    assert [t.texts for t in arrived.treatments] == [t.texts for t in left.book.treatments]
    assert arrived.actions[0].file is arrived.actions[-1].file


def test_mistakes_arrive_too():
    left = load(files(actions="actions: [{id: a, titel: x}]"))
    arrived = unpacked(packed(left))
    assert arrived == Loaded(None, left.diagnostics, left.files)
    assert arrived.errors


def test_notices_are_no_errors():
    loaded = load(files(policies={"contact_policies": {}}))
    assert loaded.errors == ()
