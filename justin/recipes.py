"""Recipes: made of what the catalogues tell of a file, written, and read again with every doubt about them said."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Final

import yaml

import justin
from justin.document import load_document
from justin.errors import BadDocument, NotReproducible
from justin.schemas.provenance import MakerView, Provenance, ProvenanceFile
from justin.schemas.recipes import (
    Recipe,
    RecipeGpus,
    RecipeInput,
    RecipeOutput,
    RecipePattern,
    RecipeRepository,
    RecipeSource,
    RecipeStep,
)
from justin.schemas.sentences import FieldError

COUNTER: Final = re.compile(r"monte-carlo-\d{6,}-(\d{6,})")
_NEEDED: Final = ("jobscript", "file_pattern", "processors", "rss_bytes", "wall_seconds")
_COPIED: Final = (
    *("workflow_id", "stage_id", "instance", "user", "mql", "justin_version", "jobscript", "jobscript_sha256"),
    *("jobscript_git", "jobscript_commit", "image_digest", "environment", "classads", "processors", "rss_bytes"),
    *("wall_seconds", "max_distance", "max_files_per_job"),
)


def of(provenance: Provenance) -> Recipe:
    """Make the recipe of the files that were asked for; raises NotReproducible when too little is known."""
    if not provenance.complete:
        left = [*provenance.unknown, *provenance.more]
        raise NotReproducible(
            f"the chain of the file is not whole: {len(left)} of its files are missing, such as {left[0]}"
        )
    makers = {maker.key: maker for maker in provenance.makers}
    stages: dict[str, list[ProvenanceFile]] = defaultdict(list)
    for file in provenance.files:
        if file.maker is not None:
            stages[_step_key(makers[file.maker])].append(file)
        elif file.did in provenance.dids:
            raise NotReproducible(f"{file.did} was not made by this system: there is nothing to tell of how")
    known = {file.did: file for file in provenance.files}
    steps = {key: _step(key, files, makers, known) for key, files in stages.items()}
    return Recipe(
        justin_version=justin.__version__, dids=provenance.dids, steps=[steps[key] for key in _order(steps)]
    ).sealed()


def dump(recipe: Recipe) -> str:
    """Write a recipe as YAML, jobscripts as they are."""
    return yaml.dump(recipe.model_dump(mode="json"), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def load(path: str | Path) -> Recipe:
    """Read a recipe; raises BadDocument when it is none, or is not as it was written."""
    recipe = load_document(path, Recipe)
    if recipe.sha256 != recipe.content_sha256():
        sentence = "is not that of the recipe's content: it was changed or cut off. Write it anew: justin recipe DID"
        raise BadDocument([FieldError(("sha256",), sentence)], str(path))
    for number, step in enumerate(recipe.steps):
        if hashlib.sha256(step.jobscript.encode()).hexdigest() != step.jobscript_sha256:
            raise BadDocument([FieldError(("steps", number, "jobscript_sha256"), "is not the jobscript's")], str(path))
    return recipe


def _step_key(maker: MakerView) -> str:
    return "-".join(filter(None, (maker.instance, f"w{maker.workflow_id}s{maker.stage_id}")))


def _step(
    key: str, files: Sequence[ProvenanceFile], makers: Mapping[str, MakerView], known: Mapping[str, ProvenanceFile]
) -> RecipeStep:
    kinds = {file.maker: makers[file.maker] for file in files if file.maker is not None}
    maker = next(iter(kinds.values()))
    for kind in kinds.values():
        if lacking := [name for name in _NEEDED if not getattr(kind, name)]:
            raise NotReproducible(f"of {key} the catalogues do not tell {', '.join(lacking)}: it cannot be made again")
    outputs = [_output(file, kinds[file.maker]) for file in files if file.maker is not None]
    parents = [known[did] for did in sorted({did for file in files for did in file.parents})]
    return RecipeStep(
        **{name: getattr(maker, name) for name in _COPIED},
        key=key,
        image=maker.jobscript_image,
        git_repos=[RecipeRepository.of(each) for each in maker.git_repos],
        gpus=_gpus(maker),
        patterns=[_pattern(kind) for kind in sorted(kinds.values(), key=lambda kind: kind.pattern_id or 0)],
        counters=sorted({counter for output in outputs for counter in output.counters}),
        inputs=[_input(file) for file in parents if file.maker is None],
        sources=_sources(parents, makers),
        outputs=outputs,
    )


def _sources(parents: Sequence[ProvenanceFile], makers: Mapping[str, MakerView]) -> list[RecipeSource]:
    kinds = {makers[file.maker].key: makers[file.maker] for file in parents if file.maker is not None}
    return [RecipeSource(step=_step_key(kind), pattern=kind.file_pattern) for kind in kinds.values()]


def _output(file: ProvenanceFile, maker: MakerView) -> RecipeOutput:
    counters = [COUNTER.fullmatch(did) for did in file.inputs_elsewhere]
    if None in counters:
        raise NotReproducible(f"{file.did} was made of files that only Rucio knows, which no query of MetaCat finds")
    if not (file.parents or counters):
        raise NotReproducible(f"of {file.did} the catalogues do not tell which inputs it was made of")
    return RecipeOutput(
        did=file.did,
        pattern=maker.file_pattern,
        size_bytes=file.size_bytes,
        adler32=file.adler32,
        metadata=file.metadata,
        parents=file.parents,
        counters=sorted(int(match[1]) for match in counters if match),
        job_id=file.run.job_id if file.run else "",
        site=file.run.site_name if file.run else "",
    )


def _input(file: ProvenanceFile) -> RecipeInput:
    return RecipeInput(did=file.did, size_bytes=file.size_bytes, adler32=file.adler32)


def _pattern(maker: MakerView) -> RecipePattern:
    return RecipePattern(pattern=maker.file_pattern, destination=maker.destination, rse_expression=maker.rse_expression)


def _gpus(maker: MakerView) -> RecipeGpus | None:
    if not maker.gpus:
        return None
    return RecipeGpus(
        count=maker.gpus,
        memory_bytes=maker.gpu_memory_bytes,
        min_capability=maker.gpu_min_capability,
        max_capability=maker.gpu_max_capability,
        min_runtime=maker.gpu_min_runtime,
        model=maker.gpu_model,
    )


def _order(steps: Mapping[str, RecipeStep]) -> list[str]:
    needs = {key: {source.step for source in step.sources} for key, step in steps.items()}
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        raise NotReproducible(f"the stages were made of each other's outputs: {', '.join(error.args[1])}") from None


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines line by line."""


def _text(dumper: yaml.SafeDumper, text: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
