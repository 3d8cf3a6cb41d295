"""The files of an order: mixtures, stages, the map of sources, sizes."""

import json

import pytest

from mixwright.errors import MixwrightError
from mixwright.proposals.export.blend import Size
from mixwright.proposals.export.inputs.mixtures import read_wanted
from mixwright.proposals.export.inputs.source_map import read_sizes, read_sources


def write(folder, name: str, text: str):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_what_propose_wrote_gives_weights_tokens_sizes_and_objective(tmp_path):
    content = {
        "weights": {"web": 0.75, "code": 0.25},
        "tokens": {"web": 750.0, "code": 250.0},
        "epochs": {"web": 1.5, "code": None},
        "objective": {"prose": 1.0},
    }
    wanted = read_wanted(write(tmp_path, "m.json", json.dumps(content)), None)
    (stage,) = wanted.stages
    assert stage.tokens == 1000
    assert stage.mixture.as_dict() == {"web": 0.75, "code": 0.25}
    assert wanted.sizes == {"web": Size(tokens=500.0)}
    assert wanted.objective == {"prose": 1.0}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.yaml", "web: .75\ncode: .25\n"),
        ("m.json", '{"web": 0.75, "code": 0.25}'),
        ("m.csv", "domain,share\nweb,0.75\ncode,0.25\n"),
        ("m.csv", '\ufeffdomain,share\r\n"web",0.75\r\ncode,0.25\r\n'),
        ("M.CSV", "domain,share\n\nweb,0.75\ncode,0.25\n\n"),
    ],
)
def test_a_mixture_is_read_in_every_form(name, text, tmp_path):
    wanted = read_wanted(write(tmp_path, name, text), 1e9)
    (stage,) = wanted.stages
    assert stage.mixture.as_dict() == {"web": 0.75, "code": 0.25}
    assert stage.tokens == 1e9


def test_stages_take_mixtures_in_place_and_from_files(tmp_path):
    write(tmp_path, "anneal.csv", "domain,share\nweb,0.2\nlaws,0.8\n")
    text = (
        "stages:\n"
        "- {name: stable, tokens: 9e8, mixture: {web: .75, code: .25}}\n"
        "- {tokens: 1e8, mixture: anneal.csv}\n"
    )
    wanted = read_wanted(write(tmp_path, "m.yaml", text), None)
    assert [stage.name for stage in wanted.stages] == ["stable", "stage 2"]
    assert [stage.tokens for stage in wanted.stages] == [9e8, 1e8]
    assert wanted.domains == ["web", "code", "laws"]


def test_a_map_takes_paths_files_and_lists(tmp_path):
    text = (
        "web: [{path: /d/a, tokens: 3e9}, {files: [/d/b.bin], tokens: 1}]\n"
        "code: /d/code\n"
        "wiki: {files: [/w/1, /w/2], rows: 7}\n"
        "2024: /d/2024\n"
    )
    domains = ["web", "code", "wiki", "2024"]
    sizes = {"code": Size(tokens=5.0), "web": Size(tokens=9.0)}
    sources = read_sources(write(tmp_path, "map.yaml", text), domains, sizes)
    assert [source.path for source in sources] == ["/d/a", "/d/b.bin", "/d/code", "wiki", "/d/2024"]
    assert [source.tokens for source in sources] == [3e9, 1.0, 5.0, None, None]
    assert sources[3].listed == ("/w/1", "/w/2")
    assert sources[3].rows == 7


def test_what_the_map_states_wins_over_the_studys_count(tmp_path):
    path = write(tmp_path, "map.yaml", "web: {tokens: 3, path: p}\n")
    (source,) = read_sources(path, ["web"], {"web": Size(tokens=9.0, documents=2.0)})
    assert (source.tokens, source.documents) == (3.0, 2.0)


def test_without_a_map_a_domain_is_called_by_its_name():
    (source,) = read_sources(None, ["web"], {"web": Size(tokens=9.0)})
    assert (source.path, source.tokens) == ("web", 9.0)


def test_sizes_are_tokens_by_path_or_a_map(tmp_path):
    text = '/d/web: 2e10\ncode: {path: /d/code, rows: 5}\nwiki: /d/wiki\n/d/books: "7"\n'
    sources = read_sizes(write(tmp_path, "sizes.yaml", text))
    read = [(source.domain, source.path, source.tokens) for source in sources]
    assert read == [
        ("/d/web", "/d/web", 2e10),
        ("code", "/d/code", None),
        ("wiki", "/d/wiki", None),
        ("/d/books", "/d/books", 7.0),
    ]


def test_binary_and_deep_files_are_one_line(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MixwrightError, match="not readable as text"):
        read_wanted(tmp_path / "a.json", None)
    write(tmp_path, "b.json", "[" * 5_000)
    with pytest.raises(MixwrightError, match="no JSON or YAML") as error:
        read_wanted(tmp_path / "b.json", None)
    assert "\n" not in str(error.value)


def test_json_may_be_indented_with_tabs(tmp_path):
    text = json.dumps({"weights": {"web": 1.0}}, indent="\t")
    (stage,) = read_wanted(write(tmp_path, "m.json", text), None).stages
    assert stage.mixture.as_dict() == {"web": 1.0}


WRONG = {
    "no heading": ("m.csv", "web,0.5\ncode,0.5\n", "line 1 is no heading"),
    "a cell more": ("m.csv", "domain,share\nweb,1,x\n", "line 2 has 3 cells"),
    "an open quote": ("m.csv", 'domain,share\n"web,1\n', "no CSV"),
    "a domain twice": ("m.csv", "domain,share\nweb,.5\nweb,.5\n", "web stands twice"),
    "a key of JSON twice": ("m.json", '{"web": 0.5, "web": 0.5}', "the key web stands twice"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mixture_that_would_lose_a_domain_is_refused(name, tmp_path):
    file, text, message = WRONG[name]
    with pytest.raises(MixwrightError, match=message):
        read_wanted(write(tmp_path, file, text), None)
