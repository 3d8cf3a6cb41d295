"""Pasted mixtures are read, or refused in one line that helps; links keep the explorer's state."""

import json

import numpy as np
import pytest

from javascript import run
from mixwright.goal import Goal, Proposal
from mixwright.mixture import Domain, Mixture
from mixwright.simplex.bounds import Bounds

NAMES = ["web", "code", "wiki text", "__proto__", "a, b", 'q "x"', "百科", "c=d", "law and order"]
HALVES = {"web": 0.5, "code": 0.5}
STATE = {
    "locks": [True, *[False] * 7, True],
    "mixer": "effective-data & more",
    "sort": "gain",
    "tokens": 1.5e9,
    "least": [0.0, 0.05, *[0.0] * 7],
    "most": [1.0, 0.3, *[1.0] * 7],
    "groups": [[0.1, 0.5], [0.0, 1.0]],
    "importance": {"val loss=2": 0.25, "百 科": 3.0, "__proto__": 0.0},
}


def parsed(text: str) -> dict:
    return run("parsed(data[0], data[1])", [text, NAMES])


def shares(answer: dict) -> dict[str, float]:
    assert "error" not in answer, answer
    assert sum(answer["weights"]) == pytest.approx(1, abs=1e-12)
    return {name: w for name, w in zip(NAMES, answer["weights"], strict=True) if w > 0}


@pytest.mark.parametrize(
    "text",
    [
        '{"web": 0.5, "code": 0.5}',
        '{"web": 50, "code": 50}',
        '{"web": "50 %", "code": "50%"}',
        '{"tokens": {"web": 7, "code": 7}, "weights": {"web": 0.5, "code": 0.5}}',
        "{'web': 0.5, 'code': 0.5}",
        "web: 0.5\ncode: 0.5",
        "\ufeffweb: 0.5\r\ncode: 0.5\r\n",
        "---\nweights:\n  web: 0.5\n  'code': 5e-1\n",
        "- web: .5\n- code: .5",
        "```yaml\nweb: 0.5\ncode: 0.5\n```",
        "# mine\nweb: .5 # most\ncode: .5",
        "web=0.5\ncode=0.5",
        "web=0.5, code=0.5",
        "web 50 %\ncode 50 %",
        "50 % web, 50 % code",
        "50% web and 50% code.",
        "Train on 50 % web, 50 % code",
        "web,code\n0.5,0.5",
        "web\tcode\n50\t50",
        "web;code\n50%;50%",
        'run,"web",code\nr7,0.5,0.5',
        "index,web,code\n7,0.5,0.5",
        "web,0.5\ncode,0.5",
        "domain,weight\nweb,0.5\ncode,0.5",
        "| domain | weight |\n|---|---|\n| web | 0.5 |\n| code | 0.5 |",
        "WEB: 0.5\n Code : 0.5",
    ],
)
def test_a_mixture_is_read_however_it_is_written(text):
    answer = parsed(text)
    assert shares(answer) == pytest.approx(HALVES)
    assert any(note.startswith("not named, so 0: wiki text") for note in answer["notes"])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("36 % law and order, 64 % a, b", {"law and order": 0.36, "a, b": 0.64}),
        ("c=d=0.25\nwiki text 0.75", {"c=d": 0.25, "wiki text": 0.75}),
        ('{"__proto__": 1}', {"__proto__": 1.0}),
        ("__proto__: 0.5\n百科: 0.5", {"__proto__": 0.5, "百科": 0.5}),
        ('q "x": 0.5, 百科: 0.5', {'q "x"': 0.5, "百科": 0.5}),
        ('"q \\"x\\"": 0.5\n"a, b": 0.5', {'q "x"': 0.5, "a, b": 0.5}),
        ('"q ""x""","a, b"\n0.5,0.5', {'q "x"': 0.5, "a, b": 0.5}),
        ("a, b: 0.5, c=d: 0.5", {"a, b": 0.5, "c=d": 0.5}),
    ],
)
def test_names_of_every_kind_are_read(text, wanted):
    assert shares(parsed(text)) == pytest.approx(wanted)


def test_names_alike_but_for_how_accents_are_written():
    decomposed = "cafe\u0301: 1"
    answer = run("parsed(data, ['caf\u00e9', 'tea'])", decomposed)
    assert answer["weights"] == [1, 0]


def test_what_propose_writes_is_read():
    domains = tuple(Domain(name, 1000) for name in sorted(NAMES))
    goal = Goal(domains, {"loss": 1.0}, 500.0, Bounds.of(domains, 500.0))
    weights = np.random.default_rng(0).dirichlet(np.ones(len(domains)))
    proposal = Proposal("regmix", Mixture(goal.names, weights), {"loss": 2.0})
    text = json.dumps(proposal.as_json(goal), indent=2)
    answer = run("parsed(data[0], data[1])", [text, list(goal.names)])
    assert answer == {"weights": pytest.approx(weights, abs=1e-15), "notes": []}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "nothing is pasted"),
        ("   \n", "nothing is pasted"),
        ("web", "“web” has no share: write name: share"),
        ("hello world", "has no share"),
        ("{", "no share is pasted"),
        ("[0.5, 0.5]", "a list says no names"),
        ("foo: 0.5\nweb: 0.5", "foo is no domain here: choose among web, code"),
        ('{"foo": 0, "web": 1}', "foo is no domain here"),
        ("foo,web\n0.5,0.5\n", "foo is no domain here"),
        ("web,code,foo\n0.5,0.25,0.25\n", "foo is no domain here"),
        ("web: 0.5\nweb: 0.5", "web stands there twice: keep one"),
        ('{"web": 0.5, "web": 0.5}', "web stands there twice"),
        ('{"weights": {"web": 1}, "weights": {"code": 1}}', "weights stands there twice"),
        ("web,web\n0.5,0.5", "web stands there twice"),
        ("web: -0.1\ncode: 1.1", "web is -0.1: give shares of 0 or more"),
        ("web: 0.5", "the shares sum to 0.5, not 1: add what is missing"),
        ("web: 0.9\ncode: 0.2", "the shares sum to 1.1, not 1: take some off"),
        ("web 30 %\ncode 30 %", "the shares sum to 60 %, not 100 %: add what is missing"),
        ("web: 0\ncode: 0", "the shares sum to 0, not 1"),
        ("web: 5000\ncode: 7000", "give shares that sum to 1, or to 100 %"),
        ("web: 1e999", "give shares that sum to 1, or to 100 %"),
        ("web: 50 %\ncode: 0.5", "some shares are percent and some are not: write all alike"),
        ("web: NaN\ncode: 1", "“web: NaN” has no share"),
        ('{"web": null}', "web: null is no share: give a number"),
        ('{"web": {"a": 1}}', "is no share: give a number"),
        ('{"web": true}', "web: true is no share"),
        ("0,5 web; 0,5 code", "decimals with a point"),
        ("web,code\n0.5,0.5\n0.4,0.6", "2 rows of shares: paste the heading and one of them"),
        ("web,code,wiki text\n0.2,0.8", "3 names and 2 shares"),
        ("web,code\n0.2,x", "code: “x” is no share"),
    ],
)
def test_what_is_no_mixture_is_refused_in_one_line(text, words):
    answer = parsed(text)
    assert words in answer["error"] and "\n" not in answer["error"]
    assert "weights" not in answer


def test_what_is_assumed_is_noted():
    answer = parsed("web: 49.8\ncode: 49.9")
    assert answer["notes"][0] == "read as percent"
    assert answer["notes"][1] == "the shares sum to 99.7 %: scaled to 100 %"
    assert answer["weights"][0] == pytest.approx(49.8 / 99.7)
    every = "\n".join(f"{name}: {1 / len(NAMES)}" for name in NAMES)
    assert parsed(every)["notes"] == []


def test_random_text_never_raises():
    rng = np.random.default_rng(3)
    letters = list("webcod \t\n,;:=%.0123456789-+eE\"'{}[]|#→\\") + NAMES
    texts = ["".join(rng.choice(letters, rng.integers(1, 40))) for _ in range(3000)]
    for answer in run("data[0].map((text) => parsed(text, data[1]))", [texts, NAMES]):
        if "error" in answer:
            assert answer["error"]
        else:
            assert sum(answer["weights"]) == pytest.approx(1) and min(answer["weights"]) >= 0


def weights() -> list[float]:
    drawn = np.random.default_rng(1).dirichlet(np.full(len(NAMES), 0.3))
    drawn[2] = 0
    return (drawn / drawn.sum()).tolist()


def opened(text: str) -> dict:
    return run("decoded(data[0], data[1])", [text, NAMES])


def test_a_link_keeps_the_state():
    state = {**STATE, "weights": weights()}
    text = run("encoded(data[0], data[1])", [state, NAMES])
    assert len(text) < 500 and not set(text) & set(' "<>#{}|\\^`')
    for link in (text, f"#{text}"):
        again = opened(link)["state"]
        assert again.pop("weights") == pytest.approx(state["weights"], abs=1e-9)
        assert again.pop("groups") == [pytest.approx(pair) for pair in STATE["groups"]]
        expected = {key: value for key, value in STATE.items() if key != "groups"}
        assert again == expected


def test_a_link_of_weights_alone_leaves_the_rest_to_the_page():
    text = run("encoded({ weights: data[0] }, data[1])", [weights(), NAMES])
    state = opened(text)["state"]
    assert state["weights"] == pytest.approx(weights(), abs=1e-9)
    assert state["mixer"] == state["sort"] == "" and not any(state["locks"])
    for part in ("tokens", "least", "most", "groups", "importance"):
        assert state[part] is None
    assert opened("") == opened("#") == opened("explore") == {"state": None}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("v=1", "v=2", "the link is of version 2, this page reads 1"),
        ("v=1&", "", "damaged"),
        ("&w=", "&w=zz-", "damaged"),
        ("&w=", "&w=%", "damaged"),
        ("&w=", "&x=", "damaged"),
        ("&t=", "&t=-", "damaged"),
        ("&t=", "&t=x", "damaged"),
        ("&k=0", "&k=99", "damaged"),
        ("&k=0", "&k=a", "damaged"),
        ("&l=", "&l=zzzzzzzzz-", "damaged"),
        ("&h=", "&h=1-", "damaged"),
        ("&g=", "&g=1-", "damaged"),
        ("&i=0.25", "&i=x", "damaged"),
    ],
)
def test_a_damaged_link_is_told_in_words(old, new, words):
    text = run("encoded(data[0], data[1])", [{**STATE, "weights": weights()}, NAMES])
    assert old in text
    assert words in opened(text.replace(old, new, 1))["error"]


def test_a_link_of_other_domains_is_told():
    text = run("encoded({ weights: [1, 0] }, ['a', 'b'])")
    assert "other domains" in opened(text)["error"]
    assert "other domains" in run("decoded(data, ['b', 'a'])", text)["error"]


def test_random_links_never_raise():
    rng = np.random.default_rng(5)
    text = run("encoded(data[0], data[1])", [{**STATE, "weights": weights()}, NAMES])
    letters = list("&=%-vwdklhgitms0123456789 abz+#\ud7ff百")
    links = []
    for _ in range(2000):
        letters_of = list(text)
        for place in rng.integers(0, len(text), rng.integers(1, 6)):
            letters_of[place] = str(rng.choice(letters))
        links.append("".join(letters_of)[: rng.integers(1, len(text) + 1)])
    for answer in run("data[0].map((link) => decoded(link, data[1]))", [links, NAMES]):
        if answer.get("state"):
            assert sum(answer["state"]["weights"]) == pytest.approx(1, abs=1e-12)
            assert min(answer["state"]["weights"]) >= 0
        else:
            assert "state" in answer or answer["error"]
