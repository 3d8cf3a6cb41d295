"""What a user may write shorter than the schema says it: variants of a mixer, labels of a table."""

import re
from collections.abc import Mapping
from typing import Any

from mixwright.errors import MixwrightError, nearest


def variants(mixers: Any, methods: dict[str, Any]) -> dict[str, str]:
    """Takes `like` out of mixers that are written `name: {like: method, ...}`.

    Each name joins `methods`, which holds the schema of every method, with its method's schema.

    Returns:
        name -> method of these mixers.
    """
    written = mixers if isinstance(mixers, dict) else {}
    known = dict(methods)
    method_of: dict[str, str] = {}
    for name, settings in written.items():
        if not isinstance(settings, dict) or "like" not in settings:
            continue
        method = settings.pop("like")
        where = f"config: mixers.{name}"
        if name in known:
            raise MixwrightError(
                f"{where}.like: {name} is a mixer of its own; give the variant another name"
            )
        if not re.fullmatch("[a-z0-9][a-z0-9-]{0,99}", str(name)):
            raise MixwrightError(
                f"{where}: a variant's name has small letters, digits and dashes; rename it"
            )
        if not isinstance(method, str) or method not in known:
            hint = nearest(str(method), known)
            raise MixwrightError(f"{where}.like: {method} is unknown; {hint}")
        methods[name] = known[method]
        method_of[name] = method
    return method_of


def add_labels(study: dict[str, Any]) -> None:
    """Makes a domain of every label of the section `tables`.

    A domain that is written out keeps what it says. Values of a wrong type are left for the
    schema to refuse.
    """
    tables = study.get("tables")
    if not isinstance(tables, dict):
        return
    for name, table in tables.items():
        labels = table.get("labels") if isinstance(table, dict) else None
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            continue
        # A section that is written and left empty is an empty section.
        domains = study["domains"] = study.get("domains") or {}
        if not isinstance(domains, dict):
            return
        for label in labels:
            settings = {"source": "table", "table": name, "label": label}
            domain = domains.setdefault(label, settings)
            if isinstance(domain, dict) and domain.get("table") != name:
                raise MixwrightError(
                    f"config: tables.{name}.labels: {label} is a domain already;"
                    " write it under domains by another name"
                )


def check_tables(tables: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuses tables of which nothing could be learned, and settings that molecules leave no use.

    Args:
        tables: the section `tables`, checked against the schema.
    """
    for name, table in tables.items():
        where = f"config: tables.{name}"
        if not table["smiles"] and not table["features"]:
            raise MixwrightError(
                f"{where} has nothing to learn from;"
                " give its columns of numbers as features, or its column of molecules as smiles"
            )
        for key in ("features", "key"):
            if table["smiles"] and table[key]:
                raise MixwrightError(
                    f"{where}.{key} says nothing where smiles is given: molecules give the features"
                    " and the split; leave one of the two out"
                )
