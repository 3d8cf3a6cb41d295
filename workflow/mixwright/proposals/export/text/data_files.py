"""Files of rows, as Hugging Face datasets loads them: by the name of a builder."""

# ending -> builder (datasets 5.2.0, src/datasets/packaged_modules)
BUILDERS = {
    "json": "json",
    "jsonl": "json",
    "parquet": "parquet",
    "csv": "csv",
    "txt": "text",
    "arrow": "arrow",
}


def builder_of(path: str) -> str:
    """Returns the builder of a file of rows; nothing for a folder, or a name at a hub."""
    _, mark, ending = path.rpartition(".")
    if not mark:
        return ""
    return BUILDERS.get(ending, "")


def is_local(path: str) -> bool:
    """Whether a path is one of this machine, and no name at a hub."""
    if path.startswith(("/", "./", "../", "~")):
        return True
    return builder_of(path) != ""
