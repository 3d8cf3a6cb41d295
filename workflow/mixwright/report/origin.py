"""Where a result comes from: what the study's file says, and the lines that make it again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mixwright.errors import as_typed
from mixwright.report.answer import command
from mixwright.report.frame import facts, part
from mixwright.study.schema import follow, read_yaml
from mixwright.study.study import Study

# Of a checkout; a package that is installed alone has none.
CONFIG = Path(__file__).parents[3] / "config"


def configuration(study: Study) -> str:
    """Returns the study's keys that differ from their defaults, as YAML.

    Where the schema is not at hand, these are all keys.
    """
    settings = dict(study.config)
    if (CONFIG / "schema.yaml").is_file():
        schema = read_yaml(CONFIG / "schema.yaml")
        settings = _differing(settings, schema, schema)
    return yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, width=96)


def commands(study: Study, page: str, files: Mapping[str, Path]) -> tuple[str, ...]:
    """Returns the lines of a shell that make the study, and the page alone, again.

    Args:
        study: the study.
        page: the command that writes the page.
        files: option of the command -> what it writes.
    """
    places = [f"--{option} {as_typed(path)}" for option, path in files.items()]
    run = "snakemake --cores all"
    file = _file_of(study)
    if file != "config/config.yaml":
        run += f" --configfile {as_typed(file)}"
    return (
        run,
        f"mixwright {page} --study results/{study.name}/study.json {' '.join(places)}",
    )


def origin_section(
    provenance: Mapping[str, Any], settings: str = "", lines: tuple[str, ...] = ()
) -> str:
    """Returns the section as HTML.

    Args:
        provenance: name -> fact.
        settings: what `configuration` returns.
        lines: what `commands` returns.
    """
    content = facts(provenance)
    if lines:
        content += part("To make it again", command(lines, "again"))
    if settings:
        box = command(settings.rstrip().splitlines(), "settings")
        content += f"<details><summary>What the study sets</summary>{box}</details>"
    return content


def _file_of(study: Study) -> str:
    """The file of the study in this checkout, or a word for it."""
    for path in (CONFIG / "config.yaml", *sorted(CONFIG.glob("studies/*.yaml"))):
        if path.is_file() and (read_yaml(path) or {}).get("study") == study.name:
            return str(path.relative_to(CONFIG.parent))
    return "STUDY.yaml"


def _differing(value: Mapping[str, Any], node: Any, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a section that are not their defaults."""
    node = follow(node, schema)
    properties = node.get("properties", {})
    extra = node.get("additionalProperties")
    settings = {}
    for key, content in value.items():
        child = properties.get(key)
        if child is None and isinstance(extra, Mapping):
            child = extra
        if child is None:
            # worked out from other keys, such as a model's shape
            continue
        child = follow(child, schema)
        if key in properties and "default" in child and content == child["default"]:
            continue
        if isinstance(content, Mapping):
            inner = _differing(content, child, schema)
            # a section that has no default is there because the study names it
            if inner or key not in properties or "default" not in child:
                settings[key] = inner
            continue
        settings[key] = content
    return settings
