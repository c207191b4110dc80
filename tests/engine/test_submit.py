"""Submit descriptions: what they look like, and that no user's words are ever more than a value."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

with pytest.MonkeyPatch.context() as patch:
    # The bindings look for their configuration when they are imported.
    patch.setenv("CONDOR_CONFIG", os.devnull)
    import classad2
    import htcondor2

from engine.adapters import submit
from engine.adapters.submit import Rules
from engine.errors import InvalidInput
from engine.pool_ports import GpuNeeds
from tests.support.orders import make_order

GOLDEN = Path(__file__).parent / "golden"
PLACE = Path("/var/tmp/justin-submit")
WRAPPER = Path("/opt/justin/justin-wrapper.pyz")
SCHEDD = "ap1.example.org"
RULES = Rules(user="justin", user_classads=("USER_*",))

ORDERS: dict[str, tuple[dict[str, Any], Rules]] = {
    "smallest": ({}, RULES),
    "everything": (
        {
            "processors": 4,
            "rss_bytes": (4 << 30) + 1,
            "wall_seconds": 7200,
            "gpus": 2,
            "gpu_needs": GpuNeeds(20 << 30, 7.5, 9.0, 12.4, 'NVIDIA "A100"'),
            "accounting_group": "/dune/production",
            "sites": ("UK_Manchester", "CH_CERN"),
            "entries": ("LOCAL_UK_Manchester",),
            "open_sites": ("CH_CERN",),
            "avoided": ("node7.example.org@UK_Manchester", "node8@CH_CERN"),
            "image": "/cvmfs/images/one:latest",
            "hint": "w7s2",
            "classads": {"USER_Project": 'the "best" $(HOME)', "user_weight": "12", "USER_Fast": "TRUE"},
        },
        RULES,
    ),
    "any-model-like": ({"gpus": 1, "gpu_needs": GpuNeeds(model="NVIDIA A100*(80 GB)")}, RULES),
    "operators-rules": (
        {},
        Rules(user="prod", disk_mib=5000, cpu_jobs_on_gpu_slots=True, requirements="TARGET.HAS_CVMFS =?= true"),
    ),
}

ad_names = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]{0,20}\Z")
hostile = st.sampled_from(
    ['"', "\\", "$(Cluster)", "$ENV(HOME)", "$$(Name)", "$$([1+1])", "\n", "\r\nqueue 9\n", " = ", "&& true", "\x00"]
)
texts = st.lists(st.one_of(st.text(max_size=8), hostile), max_size=6).map("".join)


def render(rules: Rules = RULES, **values: Any) -> str:
    return submit.render(make_order(WRAPPER, **values), rules, PLACE, SCHEDD)


def understood(text: str) -> dict[str, str]:
    """Return what HTCondor's own reader of submit descriptions makes of one: names in lower case, macros expanded."""
    description = htcondor2.Submit(text)
    assert description.getQArgs() == ""
    return {name.lower(): description.expand(name) for name in description}


def kept(text: str) -> str:
    """Return what is left of a text: no NUL, and of several dollars one."""
    return re.sub(r"\$+", "$", text.replace("\0", ""))


def evaluated(expression: str) -> Any:
    return classad2.ExprTree(expression).eval()


@pytest.mark.parametrize("name", sorted(ORDERS))
def test_the_description_is_what_it_was(name: str) -> None:
    values, rules = ORDERS[name]
    golden = GOLDEN / f"{name}.sub"
    assert render(rules, **values) == golden.read_text(), f"if the change is meant, write it into {golden}"


@given(text=texts)
def test_a_string_stays_what_it_is_and_one_string(text: str) -> None:
    line = f"MY.Probe = {submit.literal(text)}"
    assert "\n" not in line
    assert "\r" not in line
    assert evaluated(understood(f"{line}\n")["my.probe"]) == kept(text)


@given(asked=st.dictionaries(ad_names, texts, max_size=4))
def test_a_users_attributes_change_nothing_of_ours(asked: dict[str, str]) -> None:
    alone, together = understood(render()), understood(render(classads=asked))
    assert {name: together[name] for name in alone} == alone
    assert all(name.startswith("my.user_") for name in together.keys() - alone.keys())


@pytest.mark.parametrize(
    "name",
    [
        *("JobPrio", "jobprio", "+JobPrio", "MY.JobPrio", "my.USER_x", "Requirements", "Rank", "PeriodicRemove"),
        *("JUSTIN_WallSeconds", "justin_wallseconds", "DESIRED_Sites", "USER_x = 1\nrank", "USER x", "queue", ""),
    ],
)
def test_no_other_name_gets_in(name: str) -> None:
    greedy = Rules(user="justin", user_classads=("USER*", "justin*", "desired*"))
    assert render(greedy, classads={name: "5"}) == render(greedy)


def test_all_attributes_of_ours_are_kept_from_users() -> None:
    values, rules = ORDERS["everything"]
    added = {line.split()[0] for line in render(rules, **(values | {"classads": {}})).splitlines() if line[:3] == "MY."}
    assert added == {f"MY.{name}" for name in submit.OURS}


@given(text=texts)
def test_no_users_string_reaches_an_expression(text: str) -> None:
    lists = ("sites", "entries", "open_sites", "avoided")
    names: dict[str, Any] = {"image": text or "x", "hint": text, **dict.fromkeys(lists, (text,))}
    plain_lists: dict[str, Any] = dict.fromkeys(lists, ("A",))
    given_words, plain = understood(render(**names)), understood(render(image="x", **plain_lists))
    ours = {"requirements", "periodic_remove", "leave_in_queue", "environment", "arguments"}
    assert {name: given_words[name] for name in ours} == {name: plain[name] for name in ours}
    assert given_words.keys() == plain.keys()


def takes(model: str, name: str) -> Any:
    """Say whether a job that asks for a model would be given a GPU of this name."""
    needs = understood(render(gpus=1, gpu_needs=GpuNeeds(model=model)))["require_gpus"]
    return classad2.ExprTree(needs).eval(classad2.ClassAd({"DeviceName": name}))


def without_stars(text: str) -> str:
    """Leave out what means anything, what cannot be written, and what stands below for one thing more."""
    return kept(re.sub(r"[*\\^\x00-\x1f\x7f]", "", text))


@given(model=texts.map(without_stars).filter(bool), more=st.text(st.characters(codec="ascii", min_codepoint=32)))
def test_a_model_of_gpu_is_compared_as_a_string(model: str, more: str) -> None:
    assert takes(model, model) is True
    assert takes(model, f"{model}x") is False
    assert takes(model, more) is (more == model)


@given(parts=st.lists(texts.map(without_stars), min_size=2, max_size=4), between=texts.map(kept), after=st.booleans())
def test_a_star_in_a_model_of_gpu_stands_for_anything(parts: list[str], between: str, after: bool) -> None:
    model, name = "*".join(parts), between.join(parts)
    assert takes(model, name) is True
    longer = f"{name}\x01" if after else f"\x01{name}"
    open_end = (parts[-1] if after else parts[0]) == ""
    assert takes(model, longer) is open_end


@pytest.mark.parametrize(
    ("model", "name", "expected"),
    [
        ("NVIDIA A100*", "NVIDIA A100-SXM4-80GB", True),
        ("*A100*", "NVIDIA A100-SXM4-80GB", True),
        ("NVIDIA A100*", "NVIDIA A10", False),
        ("A100*", "NVIDIA A100-SXM4-80GB", False),
        ("*80GB", "NVIDIA A100-SXM4-80GB PCIe", False),
        ("NVIDIA.*", "NVIDIA A10", False),
        ("NVIDIA (A|H)*", "NVIDIA H100", False),
        ("nvidia*", "NVIDIA H100", False),
        ("nvidia h100", "NVIDIA H100", False),
        ("*", "anything", True),
    ],
)
def test_a_model_of_gpu_is_what_the_allocator_takes_it_for(model: str, name: str, expected: bool) -> None:
    assert takes(model, name) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("12", 12), ("-1.5", -1.5), ("true", True), ("FALSE", False), ('"12"', "12"), ("a b", "a b")),
        *(("1 + 1", "1 + 1"), ("undefined", "undefined"), ('"a" + "b"', 'a" + "b'), ("time()", "time()")),
    ],
)
def test_a_value_is_a_number_a_truth_value_or_a_string(text: str, expected: Any) -> None:
    found = understood(render(classads={"USER_x": text}))["my.user_x"]
    assert evaluated(found) == expected


def test_what_htcondor_would_replace_at_the_start_of_a_job_is_left_out() -> None:
    assert render(classads={"USER_x": "$$([time()])"}) == render()


@pytest.mark.parametrize("group", ["group_dune.prod.mcsim", "/group_dune/prod/mcsim", "group_dune/prod.mcsim"])
def test_an_accounting_group_has_levels(group: str) -> None:
    assert understood(render(accounting_group=group))["accounting_group"] == "group_dune.prod.mcsim"


@pytest.mark.parametrize("group", ["/", "a b", 'a"', "a..b", "a\nrank = 1", "$(x)"])
def test_what_is_no_accounting_group_is_refused(group: str) -> None:
    with pytest.raises(InvalidInput):
        render(accounting_group=group)


def matcher(**values: Any) -> Callable[..., bool]:
    """Return what says whether jobs of an order may run in a slot with such attributes, at the site A unless told."""
    text = understood(render(**values))
    attributes = {name[3:]: expression for name, expression in text.items() if name.startswith("my.")}
    job = classad2.ClassAd()
    for name, expression in {**attributes, "Requirements": text["requirements"]}.items():
        job[name] = classad2.ExprTree(expression)

    def fits(**slot: Any) -> bool:
        machine = classad2.ClassAd({"GLIDEIN_DUNESite": "A", "Machine": "a.example.org", "Requirements": True, **slot})
        return bool(job.symmetricMatch(machine))

    return fits


def test_a_job_needs_slots_of_its_site_without_gpus_and_with_enough_time() -> None:
    fits = matcher(sites=("A", "B"))
    assert fits()
    assert fits(TotalGPUs=0)
    assert not fits(TotalGPUs=1)
    assert not fits(GLIDEIN_DUNESite="C")
    assert not fits(GLIDEIN_ToDie=10)


def test_a_job_takes_its_entries_and_at_some_sites_any() -> None:
    fits = matcher(sites=("A", "B"), entries=("A_1", "A_2"), open_sites=("B",))
    assert fits(GLIDEIN_Entry_Name="A_2")
    assert fits()
    assert not fits(GLIDEIN_Entry_Name="A_3")
    assert fits(GLIDEIN_Entry_Name="B_1", GLIDEIN_DUNESite="B")
    assert not matcher(sites=("A", "B"), entries=("A_1",))(GLIDEIN_Entry_Name="B_1", GLIDEIN_DUNESite="B")
    assert matcher(sites=("A",))(GLIDEIN_Entry_Name="A_3")


def test_a_job_avoids_nodes_by_their_site_and_name_with_or_without_a_domain() -> None:
    fits = matcher(avoided=("bad.example.org@A", "worse@A"))
    assert fits()
    assert not fits(Machine="BAD.example.org")
    assert fits(Machine="bad.example.net")
    assert not fits(Machine="worse.example.org")
    assert not fits(Machine="worse")
    assert fits(Machine="worse", GLIDEIN_DUNESite="B")
