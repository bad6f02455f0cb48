"""An emergency stop takes out what it names, at once and by itself, and says so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model import Micros, PlacementId
from engine.rulebook.load import load
from engine.rulebook.loosening import Loosened, loosened
from engine.rulebook.times import moment_of
from tests.builders import NOW, decide, question, trace_of
from tests.rulebook.builders import book, files

HERO, PROMPT = PlacementId("web.hero"), PlacementId("ivr.prompt")


def stopping(*stops: str) -> dict[str, str]:
    return {"stop.yaml": "stopped:\n" + "".join(f"  - {{{stop}}}\n" for stop in stops)}


def said(*stops: str, now: Micros | None = None) -> list[str]:
    return [str(one) for one in load(files(more=stopping(*stops)), now=now).diagnostics]


def open_treatments(*stops: str, now: Micros = NOW) -> dict[str, list[str]]:
    rules = book(more=stopping(*stops))
    truths, values = [True] * len(rules.conditions), [1.0] * len(rules.attributes)
    return {
        str(at): [
            rules.treatments[t].treatment_id for t in rules.select_for[at](truths, values, now)
        ]
        for at in rules.placements
    }


@pytest.mark.parametrize(
    ("stop", "hero", "prompt"),
    [
        ("action: data_5gb", ["stay.web"], []),
        ("treatment: data_5gb.web", ["data_5gb.web_plain", "stay.web"], ["data_5gb.ivr"]),
        ("placement: web.hero", [], ["data_5gb.ivr"]),
        ("channel: ivr", ["data_5gb.web", "stay.web"], []),
        ("group: save", ["data_5gb.web"], ["data_5gb.ivr"]),
        ("issue: grow", ["stay.web"], []),
        ("action: [data_5gb, stay]", [], []),
        ("treatment: [data_5gb.ivr, stay.web]", ["data_5gb.web"], []),
    ],
)
def test_what_is_named_is_out_and_nothing_else(
    stop: str, hero: list[str], prompt: list[str]
) -> None:
    assert open_treatments(stop) == {"web.hero": hero, "ivr.prompt": prompt}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["action: stay", "group: save", "treatment: stay.web"]),
            st.none() | st.integers(1, 27),
            st.none() | st.integers(1, 27),
        ).filter(lambda stop: stop[1] is None or stop[2] is None or stop[1] <= stop[2]),
        max_size=3,
    ),
    st.integers(1, 28),
)
def test_it_holds_from_its_first_day_to_the_end_of_its_last(
    stops: list[tuple[str, int | None, int | None]], day: int
) -> None:
    def written(target: str, since: int | None, until: int | None) -> str:
        begin = f", since: 2026-11-{since:02}" if since else ""
        return target + begin + (f", until: 2026-11-{until:02}" if until else "")

    now = moment_of(f"2026-11-{day:02}T12:00:00Z")
    assert now is not None
    is_stopped = any(
        (since is None or since <= day) and (until is None or day <= until)
        for _, since, until in stops
    )
    lines = [written(*stop) for stop in stops] or ["channel: app"]
    assert ("stay.web" not in open_treatments(*lines, now=now)["web.hero"]) == is_stopped


def test_the_reason_tells_by_whom_and_why_and_where_it_is_written() -> None:
    rules = book(more=stopping("group: save, owner: Anna, reason: The price is wrong"))
    asked = question("web.hero", explain=True)
    (told,) = [c for c in trace_of(decide(rules, asked)).candidates if c.action_id == "stay"]
    (reason,) = told.reasons
    assert (reason.code, reason.place) == ("availability.stopped", "stop.yaml:2:13")
    assert reason.detail == "stopped: group 'save', by Anna: The price is wrong"


def test_a_stopped_placement_shows_its_fallback() -> None:
    rules = book(more=stopping("placement: web.hero"))
    assert decide(rules).placements[0].fallback


@pytest.mark.parametrize(
    ("stop", "message"),
    [
        ("action: stey", "2:14: unknown action 'stey'. Did you mean 'stay'?"),
        ("treatment: stay.wb", "2:17: unknown treatment 'stay.wb'. Did you mean 'stay.web'?"),
        ("channel: webb", "2:15: unknown channel 'webb'. Did you mean 'web'?"),
        ("action: [stay, dta]", "2:21: unknown action 'dta'. Known: data_5gb, stay."),
        ("action: []", "2:14: the list is empty"),
        ("reason: none", "2:5: a stop names what is stopped: one of action, treatment"),
        ("group: save, issue: grow", "2:19: 'group' and 'issue': a stop is of one kind"),
        ("group: save, until: soon", "2:26: expected a date like 2026-11-21"),
        ("group: save, since: 2026-11-21, until: 2026-11-20", "2:45: 'until' is before 'since'"),
    ],
)
def test_a_stop_that_would_stop_nothing_is_an_error(stop: str, message: str) -> None:
    (found,) = said(stop)
    assert found.startswith(f"stop.yaml:{message}")


@pytest.mark.parametrize("content", ["", "# nothing\n", "stopped:\n", "stopped: {action: stay}\n"])
def test_a_file_of_which_the_end_is_missing_lifts_no_stop(content: str) -> None:
    assert load(files(more={"stop.yaml": content})).book is None


def test_what_is_stopped_is_listed_and_so_is_what_is_over() -> None:
    stops = ("channel: ivr", "group: save, since: 2027-01-01", "action: stay, until: 2026-01-01")
    assert said(*stops, now=NOW) == [
        "stop.yaml:2:15: stopped: channel 'ivr'",
        "stop.yaml:3:13: to be stopped: group 'save', since 2027-01-01",
        "stop.yaml:4:14: over: this stop changes nothing now (action 'stay', until 2026-01-01)",
    ]


def test_lifting_or_shortening_a_stop_is_listed_before_it_goes_live() -> None:
    before = book(more=stopping("action: stay, owner: Anna", "channel: ivr"))
    after = book(more=stopping("action: stay, until: 2026-12-01"))
    found = loosened(before, after)
    assert [(each.kind, each.name, each.actions) for each in found] == [
        (Loosened.STOP, "action stay", ("stay",)),
        (Loosened.STOP, "channel ivr", ("data_5gb",)),
    ]
    assert str(found[1]) == "stop.yaml:3:15: channel ivr is not stopped any more"
    assert loosened(after, before) == ()
    assert loosened(book(), before) == ()
