"""What is asked for, of what the service has."""

import pytest

from engine.bench.pages import pages
from engine.errors import InvalidInput
from engine.wire.rulebook_pb2 import PlacementInfo

KNOWN = [
    PlacementInfo(placement=name, channel=name.partition(".")[0])
    for name in ("web.hero", "ivr.menu", "web.list", "web.foot")
]


def shares(mix: str, together: int = 1) -> dict[tuple[str, ...], float]:
    return {page.placements: page.weight for page in pages(KNOWN, (), mix, together)}


def test_without_wishes_every_channel_is_asked_alike_whatever_the_number_of_its_placements():
    assert shares("") == {
        ("web.hero",): pytest.approx(1 / 3),
        ("web.list",): pytest.approx(1 / 3),
        ("web.foot",): pytest.approx(1 / 3),
        ("ivr.menu",): 1,
    }


def test_the_mix_weighs_channels_and_leaves_out_those_it_does_not_name():
    assert shares("web=80, ivr=20", together=2) == {
        ("web.hero", "web.list"): 40,
        ("web.foot",): 40,
        ("ivr.menu",): 20,
    }
    assert set(shares("ivr=1")) == {("ivr.menu",)}


@pytest.mark.parametrize(
    ("wanted", "mix", "said"),
    [
        (["web.heroo"], "", "the service has no 'web.heroo'. Did you mean 'web.hero'?"),
        ([], "wbe=1", "'wbe' is no channel of the placements asked for (web, ivr)"),
        (["web.hero"], "ivr=1", "'ivr' is no channel of the placements asked for (web)"),
        ([], "web", "'web' must be such as web=80"),
        ([], "web=0", "'web=0' must be such as web=80"),
        ([], "web=nan", "'web=nan' must be such as web=80"),
    ],
)
def test_what_the_service_does_not_have_is_refused(wanted, mix, said):
    with pytest.raises(InvalidInput) as refused:
        pages(KNOWN, wanted, mix)
    assert said in str(refused.value)


def test_a_service_without_placements_cannot_be_asked():
    with pytest.raises(InvalidInput, match="no placement to ask for"):
        pages([], (), "")
