"""Where results lie, and what is refused before a file is opened."""

import json

import pytest

from least_study import study
from mixwright.__main__ import main
from mixwright.errors import MixwrightError
from mixwright.report.figures import entry
from mixwright.report.layout import drawn, figure_files, figure_paths, manifest_paths, result_paths
from mixwright.study.study import Study


def test_every_result_lies_in_the_folder_of_its_study():
    plan = study()
    paths = result_paths(plan, "results/least")
    assert paths["design"] == [f"results/least/design/{role}.parquet" for role in plan.runs]
    assert paths["mixtures"] == [f"results/least/mixtures/{arm}.json" for arm in plan.arms]
    assert paths["scores"] == [f"results/least/scores/{pack}.parquet" for pack in plan.final_packs]
    assert len(manifest_paths(plan, "results/least")) == len(plan.domains)
    every = [path for files in paths.values() for path in files] + figure_files(
        plan, "results/least"
    )
    assert len(set(every)) == len(every) and all(
        path.startswith("results/least/") for path in every
    )


def test_a_figure_reads_what_its_entry_names():
    plan = study()
    assert drawn(plan)
    for figure in drawn(plan):
        names = set(figure_paths(plan, "results/least", figure)) | {"study"}
        assert set(entry(figure).inputs) <= names
        assert names <= {*entry(figure).inputs, *entry(figure).optional, "study"}


def test_a_figure_of_other_studies_is_refused_with_those_of_this_one():
    with pytest.raises(MixwrightError, match="figure ladder needs ladder, which this study does"):
        figure_paths(study(), "results/least", "ladder")
    with pytest.raises(MixwrightError, match="figure pie is unknown"):
        figure_paths(study(), "results/least", "pie")


def test_a_figure_of_an_unfinished_study_is_one_line(tmp_path, capsys):
    (tmp_path / "study.json").write_text(json.dumps(study().config))
    words = ["--study", str(tmp_path / "study.json"), "--to", str(tmp_path / "mixtures.svg")]
    assert main(["draw", "--figure", "mixtures", *words]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "no such file; run the rule that makes it" in error


def test_the_study_is_read_as_it_was_written(tmp_path):
    plan = study()
    plan.write(tmp_path / "study.json")
    assert result_paths(Study.read(tmp_path / "study.json"), "") == result_paths(plan, "")
