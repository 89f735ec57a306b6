"""The filters of a curation, one by one: what each keeps, changes and drops, and what it says of it."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from lehr.compiler.graph.blocks.curate import Curate
from lehr.compiler.plan.lower.data import _plain
from lehr.runtime.parts.curate import divergence, repetition
from lehr.runtime.parts.curate.filter import Dropped, Given, Page, filter_of, rounds_of
from lehr.runtime.parts.curate.pieces import words_of
from lehr.runtime.parts.curate.pii import STANDS_FOR

PROSE = (
    "The river was high that spring, and the people of the village had to walk along the upper path to reach the "
    "mill. Nobody would have thought that the bridge could be gone within a single night, but it was. The miller "
    "said that he had heard it go. His wife, who slept well, had heard nothing of it.\n"
    "In the years that followed a new bridge was built with stone from the quarry. It stands to this day. Would "
    "anybody want to see it taken down? I hope that it will be there for a long time."
)


def settings(kind: str, **own: Any) -> dict[str, Any]:
    """A filter's settings as a plan has them."""
    schema = Curate.steps_within[kind]
    fields = {name: one for name, (one, _) in schema.fields().items() if name in own or not one.is_required}
    return {name: _plain(own.get(name, one.begin())) for name, one in fields.items()}


def through(
    kind: str, pages: list[Page], folder: Path | None = None, **own: Any
) -> tuple[list[Page], list[Dropped]]:
    given = Given(settings(kind, **own), 0, 1, {}, {}, folder or Path(), 7)
    answers: list[Path] = []
    for number, one in enumerate(rounds_of(kind, given)):
        assert folder
        count, answer = folder / f"count{number}", folder / f"answer{number}"
        count.mkdir()
        answer.mkdir()
        one.count(iter(pages), given, count)
        one.merge([count], given, answer)
        answers.append(answer)
    given = Given(given.settings, 0, 1, {}, {}, given.root, 7, answers=tuple(answers))
    found = list(filter_of(kind).keep(iter(pages), given))
    return [one for one in found if isinstance(one, Page)], [one for one in found if isinstance(one, Dropped)]


def page(text: str, **meta: Any) -> Page:
    return Page("a:1", text, meta)


def reason(kind: str, text: str, **own: Any) -> str:
    """Why a text is dropped; nothing where it is kept."""
    kept, dropped = through(kind, [page(text)], **own)
    assert len(kept) + sum(not one.part for one in dropped) == 1
    return next((one.reason for one in dropped if not one.part), "")


# ---- heuristics ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        (PROSE, ""),
        ("too short", "gopher: words"),
        (PROSE.replace(" ", " # ", 30), "gopher: symbols per word"),
        (" ".join(["supercalifragilistic"] * 60), "gopher: mean length of a word"),
        ("\n".join(f"- {line}" for line in PROSE.replace(". ", ".\n").split("\n")), "gopher: lines that are bullets"),
        ("\n".join(f"{line}..." for line in PROSE.split(". ")), "gopher: lines that end in an ellipsis"),
        (" ".join(f"1{at} 2{at} word" for at in range(60)), "gopher: words with a letter"),
        (" ".join(f"wort{at}" for at in range(60)), "gopher: stop words"),
        (f"{PROSE}\n\n{PROSE}", "gopher: duplicate paragraphs"),
        (PROSE + "\nand so it was." * 3, "gopher: duplicate lines"),
        (PROSE + " the end" * 60, "gopher: most frequent run of 2 words"),
        (PROSE + " Nobody would have thought that the bridge could be gone within a single night, but it was." * 2,
         "gopher: repeated runs of 5 words"),
    ],
)  # fmt: skip
def test_gopher(text: str, broken: str):
    assert reason("heuristics", text, rules=("gopher",)) == broken


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        (PROSE, ""),
        ("\n".join(f"no end of line {at} of this long list of things" for at in range(9)),
         "fineweb: lines that end with punctuation"),
        ("\n".join([*(f"short {at}." for at in range(9)), PROSE]), "fineweb: short lines"),
        (f"{PROSE}\n{PROSE.splitlines()[0]}", "fineweb: characters in repeated lines"),
        ("\n\n\n".join(PROSE.split()), "fineweb: lines that end with punctuation"),
        (PROSE + "\n" * 90, "fineweb: line breaks per word"),
    ],
)  # fmt: skip
def test_fineweb(text: str, broken: str):
    assert reason("heuristics", text, rules=("fineweb",)) == broken


def test_c4_leaves_lines_out_and_says_which():
    lines = [
        *PROSE.splitlines(),
        "Home | About",
        "Turn on JavaScript to read on.",
        "We uses cookies [3] here.",
    ]
    kept, dropped = through("heuristics", [page("\n".join(lines))], rules=("c4",))
    assert kept[0].text == PROSE
    assert {(one.reason, one.value, one.sample) for one in dropped} == {
        ("c4: line without an end", 1, "Home | About"),
        ("c4: line about javascript", 1, "Turn on JavaScript to read on."),
        ("c4: line about policies", 1, "We uses cookies  here."),
    }


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        (f"{PROSE}\nLorem ipsum dolor sit amet.", "c4: lorem ipsum"),
        (f"{PROSE}\nf(x) = {{ x }} is a function.", "c4: curly bracket"),
        ("One sentence is here. And two.", "c4: sentences"),
    ],
)
def test_c4_drops_pages(text: str, broken: str):
    assert reason("heuristics", text, rules=("c4",)) == broken


def test_a_line_that_repeats_itself_is_left_out():
    log = "error at 0x12: cannot open the file; " * 12
    kept, dropped = through("heuristics", [page(f"{PROSE}\n{log}")], rules=("llama3",))
    assert kept[0].text == PROSE
    assert [(one.reason, one.value) for one in dropped] == [("llama3: line that repeats itself", 1)]


def test_the_divergence_of_words_is_kullback_and_leiblers(tmp_path: Path):
    """By hand: a corpus of 6 a and 2 b, a document of one b; q counts every bucket once more."""
    pages = [page("a a a a a a b"), page("b")]
    divergence.counted(iter(pages), tmp_path)
    whole = divergence.read(tmp_path)
    assert divergence.of("b", whole) == pytest.approx(-_log((2 + 1) / (8 + 65536)))
    assert divergence.of("", whole) == 0


def _log(value: float) -> float:
    import math

    return math.log(value)


def test_outliers_are_dropped_by_their_divergence(tmp_path: Path):
    pages = [page(PROSE) for _ in range(200)] + [page(" ".join(f"xq{at}z" for at in range(60)))]
    kept, dropped = through("heuristics", pages, tmp_path, rules=("llama3",), token_divergence=Fraction(6))
    assert len(kept) == 200
    assert [one.reason for one in dropped] == ["llama3: divergence of the words"]


def test_another_language_passes_unjudged_and_is_counted():
    kept, dropped = through("heuristics", [page("zu kurz", language="de"), page("too short", language="en")])
    assert [one.text for one in kept] == ["zu kurz"]
    assert [(one.reason, one.value, one.part) for one in dropped] == [
        ("not judged: another language", "de", True),
        ("gopher: words", 2, False),
    ]


def test_every_threshold_can_be_set():
    assert (
        reason(
            "heuristics",
            "somebody wrote a word, and that seems to be it",
            rules=("gopher",),
            words=1,
            top_grams=(Fraction(1),) * 3,
        )
        == ""
    )


def slow_repeated(words: list[str], size: int) -> int:
    """The definition, without short cuts."""
    seen, total, at = set[str](), 0, 0
    while at + size <= len(words):
        run = "".join(words[at : at + size])
        total, at = (total + len(run), at + size) if run in seen else (total, at + 1)
        seen.add(run)
    return total


@pytest.mark.parametrize("times", [1, 2, 5])
def test_the_short_cut_for_repeated_runs_finds_what_the_definition_finds(times: int):
    text = (PROSE.replace(".", f" {times}.") + " ") * times
    words = words_of(text)
    for size in range(5, 11):
        assert repetition.repeated(words, size) == slow_repeated(words, size)
        assert repetition.repeated(words, size) <= repetition._covered(words, 5)


# ---- robots ----------------------------------------------------------------------------------------


def robots(text: str, status: int = 200, date: str = "2024-01-01") -> Page:
    return Page("r", text, {"url": "https://a.org/robots.txt", "status": status, "date": date})


def at(path: str, **meta: Any) -> Page:
    return Page(path, "a page", {"url": f"https://a.org{path}", **meta})


def test_what_robots_txt_forbids_is_dropped(tmp_path: Path):
    said = robots("User-agent: *\nDisallow: /private\nAllow: /private/*.html$\n")
    kept, dropped = through(
        "robots", [at("/private/x"), at("/private/x.html"), said, at("/")], tmp_path, agent="lehr"
    )
    assert [one.id for one in kept] == ["/private/x.html", "/"]
    assert {(one.id, one.reason) for one in dropped} == {
        ("/private/x", "not allowed"),
        ("r", "a robots.txt itself"),
    }


@pytest.mark.parametrize(("status", "allowed"), [(404, True), (503, False)])
def test_an_answer_that_is_no_robots_txt(tmp_path: Path, status: int, allowed: bool):
    kept, _ = through(
        "robots", [robots("User-agent: *\nDisallow: /", status), at("/x")], tmp_path, agent="lehr"
    )
    assert bool(kept) == allowed


def test_the_last_answer_of_a_site_counts(tmp_path: Path):
    pages = [robots("", date="2024-01-02"), robots("User-agent: *\nDisallow: /", date="2024-01-01"), at("/x")]
    assert [one.id for one in through("robots", pages, tmp_path, agent="lehr")[0]] == ["/x"]


def test_rules_that_came_with_the_page_count_first(tmp_path: Path):
    one = at("/x", robots="User-agent: lehr\nDisallow: /x")
    assert through("robots", [robots(""), one], tmp_path, agent="lehr")[0] == []


@pytest.mark.parametrize(("missing", "kept"), [("keep", 1), ("drop", 0)])
def test_without_a_robots_txt_on_record(tmp_path: Path, missing: str, kept: int):
    assert len(through("robots", [at("/x")], tmp_path, agent="lehr", missing=missing)[0]) == kept


# ---- extract ---------------------------------------------------------------------------------------

HTML = f"""<html><head><title>Bridges</title></head><body>
<nav><ul><li><a href="/">Home</a></li><li><a href="/about">About us</a></li></ul></nav>
<main><h1>The bridge</h1><p>{PROSE.splitlines()[0]}</p>
<pre><code>def cross(river):
    return river.other_side</code></pre>
<p>Its length is \\(l^2 = a^2 + b^2\\), as anybody can see who has walked along it. {PROSE.splitlines()[1]}</p>
<table><tr><th>year</th><th>height</th></tr><tr><td>1802</td><td>7</td></tr></table></main>
<footer>All rights reserved. <a href="/imprint">Imprint</a></footer></body></html>"""


def test_a_page_without_its_menus_but_with_its_code_and_formulas():
    kept, _ = through("extract", [page(HTML)])
    text = kept[0].text
    assert PROSE.splitlines()[0] in text
    assert "    return river.other_side" in text
    assert "l^2 = a^2 + b^2" in text
    assert not {"Home", "Imprint", "1802"} & set(text.split())


def test_what_is_kept_beside_the_prose_is_asked_for():
    bare = through("extract", [page(HTML)], keep=())[0][0].text
    assert "river.other_side" not in bare
    assert "l^2" not in bare
    assert "1802" in through("extract", [page(HTML)], keep=("tables",))[0][0].text


def test_what_is_no_html():
    kept, dropped = through(
        "extract", [page("a < b"), page("x", type="image/png"), page("<html><body></body></html>")]
    )
    assert [one.text for one in kept] == ["a < b"]
    assert [one.reason for one in dropped] == ["neither HTML nor text", "no text but boilerplate"]


# ---- language --------------------------------------------------------------------------------------


def test_languages():
    german = "Der Fluss stand in jenem Frühjahr hoch, und die Leute im Dorf mussten den oberen Weg zur Mühle nehmen."
    kept, dropped = through("language", [page(PROSE), page(german), page(" ")], keep=("en",))
    assert [one.meta["language"] for one in kept] == ["en"]
    assert [one.reason for one in dropped] == ["another language", "another language"]
    assert str(dropped[0].value).startswith("de 0.9")


# ---- personal data ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("write to jane.doe+x@mail.example-site.co.uk, please", f"write to {STANDS_FOR['emails']}, please"),
        ("a@b, user@example.com and @name stay", "a@b, user@example.com and @name stay"),
        ("ping 8.8.8.8 or 192.168.0.1", f"ping {STANDS_FOR['addresses']} or 192.168.0.1"),
        ("version 1.2.3.4.5 and 999.1.1.1", "version 1.2.3.4.5 and 999.1.1.1"),
        ("see 2001:4860:4860::8888 and a::b at 12:30:45", f"see {STANDS_FOR['addresses']} and a::b at 12:30:45"),
        ('api_key = "sk3f9Qz81LmPx72RtVw0aBcD"', f'api_key = "{STANDS_FOR["keys"]}"'),
        ("key = aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "key = aaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", STANDS_FOR["keys"]),
    ],
)  # fmt: skip
def test_personal_data_is_replaced(text: str, left: str):
    kept, dropped = through("pii", [page(text)])
    assert kept[0].text == left
    assert [one.value for one in dropped] == ([] if text == left else [1])


def test_telephone_numbers_only_where_asked():
    text = "call +49 30 901820 today"
    assert through("pii", [page(text)])[0][0].text == text
    assert through("pii", [page(text)], phones="replace")[0][0].text == f"call {STANDS_FOR['phones']} today"


def test_a_document_with_personal_data_can_be_dropped_and_its_sample_does_not_show_it():
    kept, dropped = through("pii", [page("mail me: jane@site.org")], emails="drop")
    assert kept == []
    assert [(one.reason, one.value, one.sample) for one in dropped] == [("an e-mail address", 1, "")]


# ---- safety ----------------------------------------------------------------------------------------


def test_words_on_a_list(tmp_path: Path):
    (tmp_path / "bad.txt").write_text("Gloop\nnasty thing\n")
    own = {"words": "bad.txt", "most": Fraction(1, 10)}
    schema = settings("safety", **own) | {"words": {"path": "bad.txt", "digest": ""}}
    given = Given(schema, 0, 1, {}, {}, tmp_path, 7)
    pages = [
        page("a gloop of ten " + "words " * 7),
        page("GLOOP and a nasty thing " * 3),
        page("nothing at all"),
    ]
    found = list(filter_of("safety").keep(iter(pages), given))
    assert [isinstance(one, Page) for one in found] == [True, False, True]
    assert isinstance(found[1], Dropped)
    assert found[1].reason == "words on the list"
