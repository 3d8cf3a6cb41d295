"""Files of a role that no run of the study has are refused by name."""

import pytest

from least_study import study
from mixwright.errors import MixwrightError
from mixwright.files import write_json
from mixwright.stages import proxies


def test_a_role_without_runs_is_refused_by_name(tmp_path):
    path, to = tmp_path / "study.json", tmp_path / "losses.parquet"
    write_json(path, study().config)
    with pytest.raises(MixwrightError, match="no run has the role transfer; no mixer of the study"):
        proxies.collect_losses(path, "transfer", tmp_path, to, to)
