"""Every mistake is found where it stands and said in words marketing understands."""

import pytest

from engine.rulebook.book import Attribute, Kind, Type
from engine.rulebook.cel import Environment, Expect
from tests.rulebook.cel.builders import problems

MISTAKES = [
    ("custmer.age > 3", 0, "'custmer.age' is not a declared attribute. Did you mean 'customer.age'?"),
    ("true && customer.agee > 3", 8, "'customer.agee' is not a declared attribute. Did you mean 'customer.age'?"),
    ("has(customer.agee)", 4, "'customer.agee' is not a declared attribute. Did you mean 'customer.age'?"),
    ("customer.age.years > 3", 0, "'customer.age' is int; it has no part 'years'."),
    ("customer.segment.size > 3", 0, "'customer.segment' is string; it has no part 'size'. A function is written with (): customer.segment.size()."),
    ("customer.segment == vip", 20, "a text stands in quotes: 'vip' (it is a value of customer.segment)"),
    ("customer.name == bob", 17, "'bob' is not a declared attribute. A text stands in quotes: 'bob'."),
    ("customer.segment == 'vipp'", 20, "'vipp' is not a value of customer.segment (mass, premium, vip). Did you mean 'vip'?"),
    ("'gold' != customer.segment", 0, "'gold' is not a value of customer.segment (mass, premium, vip)."),
    ("customer.segment in ['vip', 'mas']", 28, "'mas' is not a value of customer.segment (mass, premium, vip). Did you mean 'mass'?"),
    ("customer.age in [18, 'x']", 21, "'customer.age' is int; it is never string 'x'"),
    ("customer.age > '18'", 0, "'customer.age' is int; it cannot be compared with a string; remove the quotes"),
    ("customer.segment in 'vip'", 0, "'in' needs a list or a map on its right; this is a string; write ['vip']"),
    ("consent.marketing == 'yes'", 0, "'consent.marketing' is bool; it cannot be compared with a string; write consent.marketing or !consent.marketing"),
    ("consent.channels == 'web'", 0, "'consent.channels' is list(string); it cannot be compared with a string; write ('web' in consent.channels)"),
    ("consent.channels != 'web'", 0, "'consent.channels' is list(string); it cannot be compared with a string; write !('web' in consent.channels)"),
    ("customer.age % 0 == 1", 15, "nothing can be divided by 0"),
    ("customer.age &gt;= 18", 13, "'&gt;' comes from a web page; write >"),
    ("customer.age >== 18", 13, "'>==' means nothing here; write >="),
    ("customer.age === 18", 13, "'===' means nothing here; write =="),
    ("customer.age >\u00a018", 14, "a special space (NO-BREAK SPACE) means nothing here; write a plain space"),
    ("\u0441ustomer.age > 18", 0, "'\u0441' (CYRILLIC SMALL LETTER ES) means nothing here; write c"),
    ("customer.age \uff1e 18", 13, "'\uff1e' (FULLWIDTH GREATER-THAN SIGN) means nothing here; write >"),
    ("customer.age >= 18 %", 19, "a number stands without a percent sign; write 18"),
    ("customer.age >= 18% && consent.marketing", 18, "a number stands without a percent sign; write 18"),
    ("customer.age > 1,5", 16, "',' is not expected here; write 1.5"),
    ("customer.segment in ['vip' 'mass']", 27, "the text 'mass' is not expected here without a comma before it"),
    ("customer.age > 'x'", 0, "'customer.age' is int; it cannot be compared with a string"),
    ("3 < customer.name", 0, "'customer.name' is string; it cannot be compared with an int; a text stands in quotes: '3'"),
    ("customer.age == customer.name", 0, "'customer.age' is int and 'customer.name' is string; they cannot be compared"),
    ("customer.age == null", 0, "'customer.age' is never null: it is not declared nullable"),
    ("now > '2026-12-01'", 0, "'now' is timestamp; it cannot be compared with a string; write date('2026-12-01') or timestamp('2026-12-01T09:00:00Z')"),
    ("now - 5 > now", 0, "'-' does not work with a timestamp and an int; 'now' is timestamp; a length of time is written days(n), hours(n) or minutes(n)"),
    ("!customer.age", 1, "'!' needs conditions that are true or false; 'customer.age' is int"),
    ("consent.marketing && customer.age", 21, "'&&' needs conditions that are true or false; 'customer.age' is int"),
    ("customer.segment == 'vip' || 'mass'", 29, "'||' needs conditions that are true or false; this is a string"),
    ("customer.age in 5", 0, "'in' needs a list or a map on its right; this is an int"),
    ("'web' in request.channel", 0, "'in' needs a list or a map on its right; 'request.channel' is string"),
    ("customer.age ? true : false", 0, "what stands before '?' must be true or false; it is an int"),
    ("true ? 1 : 'a'", 0, "both outcomes of '? :' must have one type; these are int and string"),
    ("customer.name.startWith('b')", 14, "there is no function 'startWith'. Did you mean 'startsWith'?"),
    ("dys(3) < days(2)", 0, "there is no function 'dys'. Did you mean 'days'?"),
    ("consent.channels.exists(true)", 17, "'exists' is not used like this; write some.list.exists(x, x == ...)"),
    ("customer.name.matches('(')", 22, "'(' is not a regular expression (RE2 syntax)"),
    ("request.waited > duration('60d')", 26, "'60d' is not a duration such as '36h', '90m' or '1h30m' (units h m s ms us); for days write days(60)"),
    ("date('2026-02-30') < now", 5, "'2026-02-30' is not a date such as '2026-12-01'"),
    ("now.getHours('Mars/Base') > 8", 13, "'Mars/Base' is not a time zone such as 'Europe/Vienna' or '+01:00'"),
    ("days(99999999) > request.waited", 5, "99999999 days are more than can be reckoned with"),
    ("customer.age = 3", 13, "'=' means nothing here; write =="),
    ("customer.age => 3", 13, "'=>' means nothing here; write >="),
    ("consent.marketing and true", 18, "'and' is not expected here; write &&"),
    ("true or consent.marketing", 5, "'or' is not expected here; write ||"),
    ("not consent.marketing", 0, "'not' is not expected here; write !"),
    ("true & false", 5, "'&' means nothing here; write &&"),
    ("customer.age >", 14, "the expression ends where something is still missing"),
    ("customer.segment == 'vip", 20, "the text that begins here is not closed; close the quote"),
    ("customer.age > 99999999999999999999", 15, "this number does not fit an int (64 bits)"),
    ("customer.age", 0, "a condition is true or false; 'customer.age' is int"),
    ("customer.age + 1", 0, "a condition is true or false; the expression is int"),
    ("   ", 0, "an expression is missing here"),
    ("has(customer)", 4, "has() takes an attribute or an entry of a map, as in has(customer.age)"),
    ("has((customer.age))", 5, "write has(customer.age) plainly, or compare with null"),
    ("google.protobuf.Timestamp{seconds: 1} < now", 0, "a message of type google.protobuf.Timestamp cannot be used in a rule book"),
    ("[1].exists(a, [1].exists(b, [1].exists(c, c == a)))", 38, "all, exists, exists_one, map and filter nest at most 2 deep"),
    ("now.getHours('Africa/Lagoss') > 8", 13, "'Africa/Lagoss' is not a time zone such as 'Europe/Vienna' or '+01:00'. Did you mean 'Africa/Lagos'?"),
    ("(customer.age > 3", 0, "'(' is not closed; ')' is missing"),
    ("customer.name in ['(', 'b'", 17, "'[' is not closed; ']' is missing"),
    ("customer.segment == “vip”", 20, "'“' is a curled quote; write straight quotes, ' or \""),
    ("age < 27", 0, "'age' is not a declared attribute. Did you mean 'customer.age'?"),
    ("consent.channels.exists(customer, has(customer.age))", 34, "'customer' is the loop's variable here; give the loop another"),
    ("customer.name == '\ud800'", 18, "the character U+D800 cannot stand in an expression"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "offset", "message"), MISTAKES, ids=[ascii(m[0]) for m in MISTAKES]
)
def test_a_mistake_is_told_with_its_place(text: str, offset: int, message: str) -> None:
    assert problems(text) == [(offset, message)]


def test_every_mistake_of_an_expression_is_reported() -> None:
    text = "custmer.age > 3 && customer.segment == 'vipp' || now < date('x') || foo(2) == 3"
    assert [offset for offset, _ in problems(text)] == [0, 39, 60, 68]


def test_two_wrong_operands_of_one_operator_are_two_mistakes() -> None:
    assert [offset for offset, _ in problems("customer.age || customer.name")] == [0, 16]


def test_places_count_characters_not_bytes() -> None:
    assert problems("customer.name == 'ä𝒳' && customer.agee > 1")[0][0] == 25


def test_places_go_on_over_lines() -> None:
    assert problems("true &&\n  customer.agee > 1")[0][0] == 10


def test_a_presence_test_does_not_move_the_places_behind_it() -> None:
    assert problems("has( customer.age ) && customer.agee > 1")[0][0] == 23


def test_what_only_looks_like_a_presence_test_is_left_alone() -> None:
    assert problems("customer.name == 'has(customer.age)' && 1")[0][0] == 40


def test_a_number_is_wanted_where_a_number_is_wanted() -> None:
    said = "a number is wanted; 'customer.name' is string"
    assert problems("customer.name", Expect.NUMBER) == [(0, said)]


@pytest.mark.parametrize(
    "text",
    [
        "(" * 40 + "1" + ")" * 40 + " > 0",
        "[" * 3_000,
        "1" + "+1" * 1_500 + " > 0",
        " && ".join(["customer.age > 1"] * 600),
        "customer.name == '" + "x" * 5_000 + "'",
        "true ? true : " * 200 + "true",
    ],
    ids=["parentheses", "brackets", "sum", "conditions", "long text", "choices"],
)
def test_what_is_too_large_is_refused_and_does_not_hang(text: str) -> None:
    assert len(problems(text)) == 1


@pytest.mark.parametrize("loop", ["exists(c, c == 'wbe')", "all(c, !(c in ['wbe']))"])
def test_what_a_list_never_holds_is_found_in_loops_too(loop: str) -> None:
    values = ("web", "app")
    declared = Attribute(0, "x.channels", Type(Kind.LIST, Type(Kind.STRING)), values=values)
    (problem,) = Environment([declared]).compile(f"x.channels.{loop}", Expect.BOOL)  # type: ignore[misc]  # no Expression
    said = "'wbe' is not a value of x.channels (web, app). Did you mean 'web'?"
    assert (problem.offset, problem.message) == (11 + loop.index("'wbe'"), said)
