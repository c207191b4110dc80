"""The pages for users say what is there, and their examples run."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from justin import Client, WorkflowSpec, config, load_workflow
from justin.errors import JustinError, ServerError
from justin.schemas.specs import GpuSpec, OutputSpec, RepositorySpec, StageSpec
from justin.testing import MockServer
from scripts import command_page, workflow_file_page
from tests.justin.conftest import Run

ROOT = Path(__file__).parents[2]
USER_PAGES = [ROOT / "README.md", *(ROOT / "docs/user").rglob("*.md")]
SHELL = re.compile(r"```bash\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"(?:^|[(|;]|=\$\()\s*(justin [^\n)]*)", re.MULTILINE)


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands() -> Iterator[tuple[str, str]]:
    """Yield each command line of each page with the page's name."""
    for page in USER_PAGES:
        for block in SHELL.findall(page.read_text(encoding="utf-8")):
            for found in COMMAND.findall(block.replace("\\\n", " ")):
                yield page.name, found.strip()


def test_the_page_of_subcommands_is_made_from_them() -> None:
    assert command_page.PAGE.read_text() == command_page.page(), "run: python -m scripts.command_page"


def test_the_page_of_the_workflow_file_is_made_from_the_models() -> None:
    assert workflow_file_page.PAGE.read_text() == workflow_file_page.page(), "run: python -m scripts.workflow_file_page"


@pytest.mark.parametrize("model", [WorkflowSpec, StageSpec, OutputSpec, GpuSpec, RepositorySpec])
def test_every_field_of_the_workflow_file_is_described(model: type) -> None:
    assert set(workflow_file_page.descriptions(model)) >= set(vars(model)["__pydantic_fields__"])


def test_every_subcommand_and_option_is_described() -> None:
    for name, command in command_page.subcommands().items():
        assert command.help, name
        assert not [each.name for each in command.params if not each.help], name


@pytest.mark.parametrize(("page", "command"), list(commands()))
def test_command_lines_of_the_pages_are_valid(page: str, command: str) -> None:
    _, name, *words = shlex.split(command, comments=True)
    known = command_page.subcommands()
    assert name in known, command
    options = {each for parameter in known[name].params for each in parameter.opts} | {"--help"}
    assert {each for each in words if re.match(r"--?[a-z]", each)} <= options, command


def test_the_python_of_the_page_runs(
    server: MockServer, url: str, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    server.world.queries = {"files from usertests:raw": ["usertests:1.root"]}
    examples = blocks("docs/user/howto/python.md", "python")
    assert len(examples) == 5

    exec(examples[0], {})
    assert capsys.readouterr().out == "workflow 1 is running\n"
    with Client() as client:
        client.fail_files(1, dids=["monte-carlo-000001-000001"])
        server.process(1)
    for example in examples[1:]:
        exec(example, {})

    assert capsys.readouterr().out.splitlines() == [
        "monte-carlo-000001-000001 0",
        "finished",
        "ended as finished",
        "there is no such workflow",
    ]


def test_the_errors_of_the_page_are_there() -> None:
    text = (ROOT / "docs/user/howto/python.md").read_text(encoding="utf-8")
    own = [each.__name__ for each in JustinError.__subclasses__() if each is not ServerError]

    assert own
    assert [name for name in [*own, "Unavailable"] if f"| `{name}` |" not in text] == []


def test_the_workflow_file_of_the_page_is_valid(tmp_path: Path) -> None:
    (example,) = blocks("docs/user/reference/workflow-file.md", "yaml")
    (tmp_path / "workflow.yaml").write_text(example)
    for name in ("reconstruct.sh", "merge.sh"):
        (tmp_path / name).write_text("#!/bin/sh\n")

    assert len(load_workflow(tmp_path / "workflow.yaml").stages) == 2


def test_the_configuration_of_the_page_is_valid(tmp_path: Path) -> None:
    (example,) = blocks("docs/user/howto/command-line.md", "toml")
    path = config.path()
    path.parent.mkdir(parents=True)
    path.write_text(example)

    with Client() as client:
        assert client.configuration.url == "https://justin.example.org"


def test_the_jobscript_of_the_page_runs(tmp_path: Path) -> None:
    (example,) = blocks("docs/user/jobscripts.md", "bash")
    tools, work = tmp_path / "tools", tmp_path / "work"
    tools.mkdir()
    work.mkdir()
    script(
        tools / "justin-get-file",
        'read -r line < ../queue && sed -i 1d ../queue && echo "$line"',
    )
    script(tools / "reconstruct", 'grep -q bad <<< "$2" && exit 9; echo data > "$4"')
    (tmp_path / "queue").write_text("a:1.root root://x/1.root RSE\na:bad.root root://x/bad.root RSE\n")
    environment = {"PATH": f"{tools}:/usr/bin:/bin", "JUSTIN_PATH": str(tools), "JUSTIN_WORKFLOW_ID": "7"}

    failed = subprocess.run(
        ["bash", "-c", example], cwd=work, env=environment, capture_output=True, text=True, check=False
    )

    assert (failed.returncode, failed.stderr) == (1, "reconstruct failed on a:bad.root\n")
    assert (work / "justin-processed-dids.txt").read_text() == "a:1.root\n"
    assert (work / "1_reco_7.root").read_text() == "data\n"
    assert '"did": "a:1.root"' in (work / "1_reco_7.root.json").read_text()
    assert subprocess.run(["bash", "-c", example], cwd=work, env=environment, check=False).returncode == 0


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)


def test_the_environment_of_a_job_is_described() -> None:
    page = (ROOT / "docs/user/reference/helper-commands.md").read_text(encoding="utf-8")
    names = re.findall(r'"((?:JUSTIN|RUCIO|X509|SSL|BEARER)_\w+)"', (ROOT / "wrapper/environment.py").read_text())

    assert names
    assert [name for name in names if f"`{name}`" not in page] == []
