"""What a user may write shorter than the schema says it: variants of a mixer, and the labels of a table."""

import re
from typing import Any

from mixwright.errors import MixwrightError, nearest


def variants(mixers: Any, methods: dict[str, Any]) -> dict[str, str]:
    """Name -> method of the mixers written `name: {like: method, ...}`; each joins `methods`, the schemas by name, with its method's."""
    written = mixers if isinstance(mixers, dict) else {}
    found = {
        name: settings.pop("like")
        for name, settings in written.items()
        if isinstance(settings, dict) and "like" in settings
    }
    known = dict(methods)
    for name, method in found.items():
        where = f"config: mixers.{name}"
        if name in known:
            raise MixwrightError(
                f"{where}.like: {name} is a mixer of its own; give the variant another name"
            )
        if not re.fullmatch("[a-z0-9-]+", str(name)):
            raise MixwrightError(
                f"{where}: a variant's name has small letters, digits and dashes; rename it"
            )
        if method not in known:
            raise MixwrightError(
                f"{where}.like: {method} is unknown; {nearest(str(method), known)}"
            )
        methods[name] = known[method]
    return found


def add_labels(study: dict[str, Any]) -> None:
    """Makes a domain of every label of the section `tables`; a domain written out keeps what it says."""
    tables = study.get("tables")
    for name, table in tables.items() if isinstance(tables, dict) else ():
        labels = table.get("labels") if isinstance(table, dict) else None
        for label in labels if isinstance(labels, list) else ():
            known = study.setdefault("domains", {}).setdefault(
                str(label), {"source": "table", "table": name, "label": label}
            )
            if known.get("table") != name:
                raise MixwrightError(
                    f"config: tables.{name}.labels: {label} is a domain already; write it under domains by another name"
                )
