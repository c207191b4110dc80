"""Which attributes users may add to the ads of their jobs."""

import pytest

from engine import classads
from engine.errors import InvalidInput
from engine.settings import Pool

ALLOWED = Pool().user_classads


@pytest.mark.parametrize("name", ["USER_Project", "user_project", "DUNE_Run", "FERMIHTC_Attribute", "WANT_this"])
def test_names_that_mean_nothing_to_the_pool_are_free(name: str) -> None:
    classads.check({name: "anything $(at) all"}, ALLOWED)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "JobPrio",
            "Requirements",
            "Rank",
            "NiceUser",
            "PeriodicRemove",
            "AccountingGroup",
            "WantDocker",
            "DockerImage",
        ),
        *("JUSTIN_Hint", "DESIRED_Sites", "SUBMIT_Iwd", "MATCH_Name", "+USER_x", "MY.USER_x", "USER_x y", "USER_ü", ""),
    ],
)
def test_all_others_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be set: names that can look like DUNE_"):
        classads.check({name: "1"}, ALLOWED)


def test_what_htcondor_would_evaluate_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"must not contain \$\$"):
        classads.check({"USER_x": "$$([time()])"}, ALLOWED)
