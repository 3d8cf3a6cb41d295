"""Which domains and targets the files of a user's folders are, by their places and names."""

from collections.abc import Sequence
from pathlib import Path

from mixwright.errors import counted
from mixwright.sources.hub.hub_cache import newest_of
from mixwright.study.draft.stems import groups_of, label_of, shared_stem, without_number
from mixwright.study.draft.tree import Node, add_file, name_of, tree_of
from mixwright.study.draft.unit import HUB, SAVED, TEXT, TOKENS, Survey, Unit, is_held_out
from mixwright.study.draft.vocabulary import GENERIC

# More folders than this side by side are the parts of one domain.
MOST_FOLDERS = 100


def survey_of(words: Sequence[str | Path]) -> Survey:
    """Returns what the user's paths and data sets hold.

    A path is a folder or a file that is there; a text that is no path names a data set of Hugging
    Face. Several paths stand side by side, as the folders and files of one folder do.
    """
    survey = Survey()
    root = Node(Path(), "")
    names = [word for word in words if not isinstance(word, Path)]
    paths = [word for word in words if isinstance(word, Path)]
    for path in dict.fromkeys(paths):
        if path.is_dir():
            root.folders.append(tree_of(path, survey))
            root.folders[-1].name = name_of(path)
        else:
            add_file(root, path, survey, {})
    if len(root.folders) == 1 and not (root.files or root.tokens or names):
        root = root.folders[0]
    for name in dict.fromkeys(names):
        survey.domains.append(Unit(name.rpartition("/")[2], _fetched(name), HUB, name))
    _add_domains(root, survey, name_of(root.path), side_by_side=bool(names))
    return survey


def _fetched(dataset: str) -> tuple[Path, ...]:
    """The files to train on of a data set that was fetched before; none of one that was not."""
    snapshot = newest_of(dataset)
    if snapshot is None:
        return ()
    # what is beside them is of no interest: it is the hub's
    inner = Survey()
    _add_unit(tree_of(snapshot, inner), inner, dataset)
    files = [path for unit in inner.domains if unit.holds == TEXT for path in unit.files]
    return tuple(files)


def _add_domains(node: Node, survey: Survey, name: str, side_by_side: bool = False) -> None:
    """Adds the domains of a folder: one a sub-folder, and one a start of the names of its files.

    Args:
        node: the folder.
        survey: what is added to.
        name: of a domain that is all of the folder.
        side_by_side: whether there are domains beside this folder: it is not entered then.
    """
    if node.saved:
        _add_saved(node, survey, name, False)
        return
    plain = []
    for folder in node.folders:
        if is_held_out(folder.path.name):
            _add_targets(folder, survey, folder.path.name)
        else:
            plain.append(folder)
    if len(plain) == 1 and not (_is_filled(node) or side_by_side):
        only = plain[0]
        _add_domains(only, survey, name if only.name.lower() in GENERIC else only.name)
    elif _is_one(plain):
        shared = shared_stem([folder.path.name for folder in plain]) or ""
        if shared.lower() in {"", "chunk", *GENERIC}:
            shared = name
        _add_unit(Node(node.path, name, folders=plain), survey, shared)
    else:
        for folder in plain:
            _add_unit(folder, survey, folder.name)
    _add_loose(node, survey, name)


def _is_filled(node: Node) -> bool:
    """Whether a folder has files of its own that are no targets."""
    stems = groups_of(node.files + node.tokens)
    return any(not is_held_out(stem) for stem in stems)


def _is_one(folders: Sequence[Node]) -> bool:
    """Whether folders differ by a number alone, or are too many to be a domain each."""
    if len(folders) < 2:
        return False
    if len(folders) > MOST_FOLDERS:
        return True
    return shared_stem([folder.path.name for folder in folders]) is not None


def _add_loose(node: Node, survey: Survey, name: str) -> None:
    """Adds the files that stand in the folder itself.

    Args:
        node: the folder.
        survey: what is added to.
        name: of files whose names have no start of their own.
    """
    for holds, files in ((TEXT, node.files), (TOKENS, node.tokens)):
        for stem, members in groups_of(files).items():
            if is_held_out(stem):
                survey.targets.append(Unit(stem, tuple(members), holds))
                continue
            label = name if stem.lower() in {"", *GENERIC} else label_of(stem)
            survey.domains.append(Unit(label, tuple(members), holds))


def _add_unit(node: Node, survey: Survey, name: str) -> None:
    """Adds a folder with all below it as one domain; what is held out in it is a target."""
    if node.saved:
        _add_saved(node, survey, name, False)
        return
    texts: list[Path] = []
    tokens: list[Path] = []
    waiting = [node]
    while waiting:
        folder = waiting.pop(0)
        if folder is not node and folder.saved:
            _add_saved(folder, survey, f"{name}-{folder.name}", False)
        for child in folder.folders:
            if is_held_out(child.path.name):
                _add_targets(child, survey, f"{name}-{child.path.name}", alone=True)
            else:
                waiting.append(child)
        for holds, files, rest in ((TEXT, folder.files, texts), (TOKENS, folder.tokens, tokens)):
            for stem, members in groups_of(files).items():
                if is_held_out(stem):
                    survey.targets.append(Unit(f"{name}-{stem}", tuple(members), holds))
                else:
                    rest += members
    if texts:
        survey.domains.append(Unit(name, tuple(texts)))
    if tokens:
        survey.domains.append(Unit(name, tuple(tokens), TOKENS))


def _add_targets(node: Node, survey: Survey, name: str, alone: bool = False) -> None:
    """Adds the targets of a folder: one a sub-folder, and one a start of the names of its files.

    Args:
        node: the folder.
        survey: what is added to.
        name: of a target that is all of the folder.
        alone: whether the folder is one target, whatever stands in it.
    """
    if node.saved:
        _add_saved(node, survey, name, True)
        return
    if alone or _is_one(node.folders):
        _add_target(node, survey, name)
        return
    for folder in node.folders:
        label = folder.name
        if _says_nothing(folder.path.name):
            label = f"{name}-{folder.path.name}" if len(node.folders) > 1 else name
        if folder.saved:
            _add_saved(folder, survey, label, True)
            continue
        _add_target(folder, survey, label)
    for holds, loose in ((TEXT, node.files), (TOKENS, node.tokens)):
        for stem, members in groups_of(loose).items():
            survey.targets.append(Unit(label_of(stem) or name, tuple(members), holds))


def _add_target(node: Node, survey: Survey, name: str) -> None:
    """Adds a folder with all below it as one target."""
    files = _measured(node, survey)
    if files:
        survey.targets.append(Unit(name, tuple(files)))
    tokens = [file for folder in node.below() for file in folder.tokens]
    if tokens:
        survey.targets.append(Unit(name, tuple(tokens), TOKENS))


def _says_nothing(name: str) -> bool:
    """Whether a folder's name is a number, the name of a split, or one that all folders have."""
    start = without_number(name).lower()
    return is_held_out(name) or start in {"", "chunk", *GENERIC}


def _measured(node: Node, survey: Survey) -> list[Path]:
    """The files of a target's folder; those to train on are left out where there are others."""
    files = [file for folder in node.below() for file in folder.files]
    rest = [file for file in files if "train" not in file.relative_to(node.path).as_posix().lower()]
    if rest and len(rest) < len(files):
        survey.notes.append(
            f"{node.path}: {counted(len(files) - len(rest), 'file')} to train on, by the name;"
            " left out of the target"
        )
        return rest
    return files


def _add_saved(node: Node, survey: Survey, name: str, target: bool) -> None:
    """Adds a saved data set: its split to train on is a domain, its other splits are targets."""
    units = survey.targets if target else survey.domains
    if not node.splits:
        units.append(_unit_of_saved(node, name, ""))
        return
    held_out = [split for split in node.splits if is_held_out(split)]
    for split in node.splits:
        if split not in held_out and not (target and held_out):
            label = name if split.lower() in GENERIC else f"{name}-{split}"
            units.append(_unit_of_saved(node, label, split))
    for split in held_out:
        survey.targets.append(_unit_of_saved(node, f"{name}-{split}", split))


def _unit_of_saved(node: Node, name: str, split: str) -> Unit:
    files = sorted((node.path / split).glob("*.arrow"))
    return Unit(name, tuple(files), SAVED, str(node.path), split)
