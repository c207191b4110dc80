"""Recipes: what is in them, that they come back as they were written, and that a changed one is not taken."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from justin import recipes, reproduction
from justin.errors import BadDocument, NotReproducible
from justin.reproduction import Options
from justin.schemas import inputs
from justin.schemas.provenance import MakerView, Provenance, ProvenanceFile, RepositoryView, RunView
from justin.schemas.recipes import Recipe, RecipeOutput

JOBSCRIPT = "#!/bin/bash\n# ünïcode\n\tindented  \necho 'x: y'\n"
SIM, PLOT, RAW = "usertests:sim-7.root", "usertests:plot.png", "usertests:raw.root"


def maker(key: str, workflow_id: int, pattern: str, **changed: Any) -> MakerView:
    values: dict[str, Any] = {
        "key": key,
        "dataset": key,
        "workflow_id": workflow_id,
        "stage_id": 1,
        "file_pattern": pattern,
        "jobscript": JOBSCRIPT,
        "jobscript_sha256": hashlib.sha256(JOBSCRIPT.encode()).hexdigest(),
        "git_repos": [RepositoryView(repository="DUNE/code", tag="v2", commit="d" * 40)],
        "jobscript_image": "/cvmfs/images/al9:latest",
        "image_digest": f"sha256:{'a' * 64}",
        "environment": {"SEED": "1"},
        "processors": 2,
        "rss_bytes": 2000 << 20,
        "wall_seconds": 600,
        "max_distance": 30,
        **changed,
    }
    return MakerView(**values)


def file(did: str, generation: int, made_by: str | None = None, **changed: Any) -> ProvenanceFile:
    run = RunView(job_id="7.0@pool", site_name="CERN") if made_by else None
    values: dict[str, Any] = {"size_bytes": 10, "adler32": "0000000a", "run": run, "maker": made_by, **changed}
    return ProvenanceFile(did=did, generation=generation, **values)


def chain(**changed: Any) -> Provenance:
    """A plot of a simulated file and a file of others; the simulation took the counter 7."""
    values: dict[str, Any] = {
        "dids": [PLOT],
        "files": [
            file(PLOT, 0, "p", metadata={"dimuon.peak_gev": 91.2}, parents=[RAW, SIM]),
            file(RAW, 1),
            file(SIM, 1, "s", inputs_elsewhere=["monte-carlo-000003-000007"]),
        ],
        "makers": [maker("p", 4, "*.png"), maker("s", 3, "sim-*.root")],
        **changed,
    }
    return Provenance(**values)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_steps_are_in_an_order_in_which_they_can_be_run() -> None:
    recipe = recipes.of(chain())

    simulate, plot = recipe.steps
    assert (simulate.key, simulate.counters, simulate.sources, simulate.inputs) == ("w3s1", [7], [], [])
    assert (plot.key, plot.counters, [each.did for each in plot.inputs]) == ("w4s1", [], [RAW])
    assert [(source.step, source.pattern) for source in plot.sources] == [("w3s1", "sim-*.root")]
    assert [output.did for output in recipe.targets(plot)] == [PLOT]
    assert recipe.targets(simulate) == []


def test_a_recipe_comes_back_as_it_was_written(tmp_path: Path) -> None:
    recipe = recipes.of(chain())

    assert recipes.load(written(tmp_path, recipes.dump(recipe))) == recipe
    assert recipe.steps[0].jobscript == JOBSCRIPT


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("SEED: '1'", "SEED: '2'", "sha256 is not that of the recipe's content"),
        ("schema_version: 1", "schema_version: 2", "schema_version must be 1"),
        ("processors: 2", "processors: two", "processors must be a whole number"),
        ("wall_seconds: 600", "wal_seconds: 600", "wall_seconds is missing"),
    ],
)
def test_a_changed_recipe_is_refused_with_the_reason(tmp_path: Path, old: str, new: str, problem: str) -> None:
    text = recipes.dump(recipes.of(chain()))
    assert old in text

    with pytest.raises(BadDocument) as refused:
        recipes.load(written(tmp_path, text.replace(old, new)))

    assert problem in str(refused.value)


def test_no_part_of_a_recipe_is_a_recipe(tmp_path: Path) -> None:
    lines = recipes.dump(recipes.of(chain())).splitlines(keepends=True)

    for count in range(0, len(lines), 7):
        with pytest.raises(BadDocument):
            recipes.load(written(tmp_path, "".join(lines[:count])))


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"more": [RAW], "more_count": 1}, "not whole"),
        ({"unknown": [RAW]}, "not whole"),
        ({"dids": [RAW]}, "not made by this system"),
        ({"makers": [maker("p", 4, "*.png", jobscript=""), maker("s", 3, "*")]}, "do not tell jobscript"),
        ({"files": [file(PLOT, 0, "p", inputs_elsewhere=["other:x"])]}, "only Rucio knows"),
        ({"files": [file(PLOT, 0, "p")]}, "which inputs"),
    ],
)
def test_what_cannot_be_made_again_is_said(changed: dict[str, Any], problem: str) -> None:
    with pytest.raises(NotReproducible, match=problem):
        recipes.of(chain(**changed))


def test_a_step_runs_the_same_code_in_the_same_image() -> None:
    recipe = recipes.of(chain())

    spec = reproduction.workflow(recipe, recipe.steps[1], "files x:y", Options(scope="mine", lifetime_days=2))

    (stage,) = spec.stages
    assert (spec.scope, stage.jobscript, stage.environment) == ("mine", JOBSCRIPT, {"SEED": "1"})
    assert stage.image == "/cvmfs/images/al9:latest"
    assert (stage.git_repos[0].organisation, stage.git_repos[0].tag) == ("DUNE", "d" * 40)
    assert (stage.processors, stage.rss_mib, stage.wall_seconds, stage.max_distance) == (2, 2000, 600, 30)
    assert (stage.max_jobs, [output.lifetime_days for output in stage.outputs]) == (1, [2])


def test_counters_are_written_as_ranges_and_read_as_such() -> None:
    assert reproduction.ranges([1, 2, 3, 7, 9, 10]) == "1-3,7,9-10"
    query = inputs.parse("monte-carlo counters 1-3,7,9-10")
    assert (query.count, query.counters) == (6, ((1, 3), (7, 7), (9, 10)))
    assert inputs.parse("monte-carlo 4").counters == ((1, 4),)
    for wrong in ("3-1", "1,1", "1-4,4", "0", "1000000", ""):
        with pytest.raises(ValueError, match="monte-carlo"):
            inputs.parse(f"monte-carlo counters {wrong}")


def output(number: int, **changed: Any) -> RecipeOutput:
    values: dict[str, Any] = {"size_bytes": number, "adler32": f"{number:08x}", "metadata": {"core.n": number}}
    return RecipeOutput(did=f"usertests:a-{number}.root", pattern="a-*.root", **values | changed)


def remade(number: int, **changed: Any) -> ProvenanceFile:
    values: dict[str, Any] = {"size_bytes": number, "adler32": f"{number:08x}", "metadata": {"core.n": number}}
    return ProvenanceFile(did=f"mine:a-new-{100 - number}.root", generation=0, **values | changed)


def test_files_are_compared_by_content_and_metadata_whatever_their_names() -> None:
    compared = reproduction.matched([output(1), output(2), output(3)], [remade(3), remade(2), remade(1)])

    assert [(each.made, each.differences) for each in compared] == [
        (f"mine:a-new-{100 - n}.root", []) for n in (1, 2, 3)
    ]


def test_everything_that_differs_is_said() -> None:
    compared = reproduction.matched([output(1), output(2)], [remade(1, adler32="ffffffff", metadata={"core.n": 5})])

    assert [[(each.what, each.before, each.now) for each in one.differences] for one in compared] == [
        [("adler32", "00000001", "ffffffff"), ("core.n", 1, 5)],
        [("file", "made", "missing")],
    ]
    ignoring = reproduction.matched([output(1)], [remade(1, metadata={"core.n": 5})], ["core.n"])
    assert ignoring[0].differences == []


def test_a_recipe_knows_its_content_however_it_is_laid_out() -> None:
    recipe = recipes.of(chain())

    assert Recipe.model_validate_json(recipe.model_dump_json()).content_sha256() == recipe.sha256
