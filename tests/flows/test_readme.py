"""What the README says of strategies: every one, and every parameter, and its example is what it says."""

import re
from pathlib import Path

import yaml

from tasks.select.columns import SCORES
from tasks.select.settings import SelectSettings, Strategy

README = (Path(__file__).parents[2] / "README.md").read_text()
SAME = {"bigger_equal", "smaller_equal"}
"""Other names of parameters that are told."""


def test_readme__names_every_parameter_of_strategies() -> None:
    told = README.partition("| of | may be said |")[2].partition("    select:")[0]
    named = set(re.findall(r"`([a-z_]+)[`:]", told))
    for name, field in Strategy.model_fields.items():
        model = next(one for one in field.annotation.__args__ if one is not type(None))  # type: ignore[union-attr]
        assert not set(model.model_fields) - named - SAME - {"of"}, name
    assert set(SCORES) <= named


def test_readme__its_strategies_can_be_asked_for() -> None:
    example = README.partition("`labels.class`.\n\n")[2].partition("\n\n###")[0]
    asked = yaml.safe_load(example)["select"]
    assert len(SelectSettings.model_validate(asked).strategies) == 4
