"""How repositories and jobscripts in git are written."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from justin.document import load_workflow
from justin.errors import BadDocument
from justin.schemas.specs import JobscriptReference, RepositorySpec, StageSpec

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", fullmatch=True)
TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_./+-]{0,199}", fullmatch=True)
FOLDERS = st.text(st.characters(exclude_categories=["C"], exclude_characters="/:"), min_size=1, max_size=20).filter(
    lambda part: part not in {".", ".."}
)


@given(NAMES, NAMES, TAGS, st.sampled_from(":/"))
def test_a_repository_is_read_as_it_was_written(organisation: str, repository: str, tag: str, sign: str) -> None:
    read = RepositorySpec.parse(f"{organisation}/{repository}{sign}{tag}")

    assert (read.organisation, read.repository, read.tag) == (organisation, repository, tag)
    assert read.name == f"{organisation}/{repository}"
    assert RepositorySpec.model_validate(read.model_dump()) == read


@given(NAMES, NAMES, st.lists(FOLDERS, min_size=1, max_size=5).map("/".join), TAGS)
def test_a_jobscript_is_read_as_it_was_written(organisation: str, repository: str, path: str, tag: str) -> None:
    read = JobscriptReference.parse(f"{organisation}/{repository}/{path}:{tag}")

    assert (read.organisation, read.repository, read.path, read.tag) == (organisation, repository, path, tag)


@given(st.text(max_size=50))
def test_what_is_no_reference_is_said_to_be_none(text: str) -> None:
    for read in (RepositorySpec.parse, JobscriptReference.parse):
        with contextlib.suppress(ValueError):
            assert read(text).name in text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("dune/code/x.jobscript", "has no tag: end it with ':'"),
        ("dune/code/x.jobscript:", "has no tag"),
        ("dune/code:v1", "write a jobscript in git as ORG/REPO/PATH/X.jobscript:TAG"),
        ("dune/code/:v1", "write a jobscript in git as"),
        ("dune/code/../x:v1", "leads elsewhere"),
        ("dune/code/a//x:v1", "path must be the path of a file"),
        ("dune/code/x:v 1", "tag must be a tag, a branch or a commit"),
        ("du ne/-code/x:v1", "organisation must be the name of an organisation .*; repository must be the name"),
    ],
)
def test_what_is_wrong_with_a_jobscript_s_place_is_said(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        JobscriptReference.parse(text)
    with pytest.raises(ValidationError, match=sentence):
        StageSpec(jobscript_git=text)


def test_a_stage_has_one_place_for_a_repository() -> None:
    repositories = [RepositorySpec.parse("dune/code:v1"), RepositorySpec.parse("dune/code:v2")]
    with pytest.raises(ValidationError, match="dune/code is given twice"):
        StageSpec(jobscript="#!/bin/sh\n", git_repos=repositories)


def test_a_workflow_file_names_repositories_in_one_piece_or_in_parts(tmp_path: Path) -> None:
    file = tmp_path / "workflow.yaml"
    file.write_text(
        "mql: monte-carlo 1\nstages:\n  - jobscript_git: dune/code/jobs/sim.jobscript:v1\n"
        "    git_repos:\n      - dune/code:v1\n      - dune/more/feature/x\n"
        "      - {organisation: dune, repository: last, tag: main}\n"
    )

    (stage,) = load_workflow(file).stages

    assert stage.jobscript_git == "dune/code/jobs/sim.jobscript:v1"
    assert [(each.name, each.tag) for each in stage.git_repos] == [
        ("dune/code", "v1"),
        ("dune/more", "feature/x"),
        ("dune/last", "main"),
    ]


def test_a_wrong_repository_in_a_workflow_file_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "workflow.yaml"
    file.write_text("mql: monte-carlo 1\nstages:\n  - jobscript: '#!/bin/sh'\n    git_repos:\n      - dune\n")

    with pytest.raises(BadDocument, match=r"workflow.yaml:5: stages\[1\].git_repos\[1\] .*ORG/REPO:TAG, not 'dune'"):
        load_workflow(file)
