"""What Hugging Face's library raises of a data set, in one line that names the remedy."""

import re

from mixwright.errors import MixwrightError, shortened

# Names in a message of the library: ['a', 'b']
LISTED = re.compile(r"\[(.*?)\]", re.DOTALL)
# Most names that a message lists.
MOST = 12
# Most characters of the library's words in a message.
WORDS = 200
# Words that say that no connection was made.
UNREACHED = ("reach", "offline", "connect", "timed out", "timeout", "resolve host")


def refusal(name: str, place: str, error: Exception, row: int | None = None) -> MixwrightError:
    """Returns the error of a data set that cannot be read.

    Args:
        name: the domain or target.
        place: the data set, or a file of it.
        error: what the library raised.
        row: how many rows of it were read before; None while it is opened.
    """
    if isinstance(error, MixwrightError):
        return error
    words = " ".join(str(error).split()) or type(error).__name__
    if "scripts are no longer supported" in words:
        return needs_code(name, place)
    if "BuilderConfig" in words or "Config name is missing" in words:
        return _config(name, place, words)
    if type(error).__name__ in ("DatasetNotFoundError", "RepositoryNotFoundError"):
        return _not_there(name, place, words)
    if type(error).__name__ in ("EmptyDatasetError", "DataFilesNotFoundError"):
        return MixwrightError(
            f"{name}: {place} holds no data files ({words[:WORDS]});"
            " correct dataset, or name them in data_files"
        )
    if isinstance(error, ConnectionError) or any(word in words.lower() for word in UNREACHED):
        return _out_of_reach(name, place, words, row is None)
    where = "" if row is None else f", after row {row}"
    return MixwrightError(
        f"{name}: {place}: not readable ({_cause(error)}{where});"
        " repair it, or leave it out (data_files)"
    )


def _out_of_reach(name: str, place: str, words: str, is_named: bool) -> MixwrightError:
    """The error of a hub that does not answer; `is_named`: the place is a data set as it is named.

    A path that is misspelt looks like the name of a data set too.
    """
    remedy = "connect, or fetch it first: hf download --repo-type dataset"
    if is_named:
        remedy += f" {place}; if it is to be a folder, there is none of this path: correct dataset"
    return MixwrightError(f"{name}: {place} is out of reach ({words[:WORDS]}); {remedy}")


def needs_code(name: str, dataset: str) -> MixwrightError:
    """Returns the error of a data set that is a program."""
    return MixwrightError(
        f"{name}: the data set {dataset} needs code of its own, which is not run;"
        " take one that is made of files (parquet, json), or convert it"
    )


def no_split(name: str, place: str, split: str, splits: list[str]) -> MixwrightError:
    """Returns the error of a split that a data set lacks."""
    return MixwrightError(
        f"{name}: {place} has no split {split};"
        f" set `split` to one of {shortened(sorted(splits), MOST)}"
    )


def _config(name: str, place: str, words: str) -> MixwrightError:
    match = LISTED.search(words)
    configs = []
    if match:
        configs = [config.strip(" '\"") for config in match[1].split(",")]
    what = "has no such configuration"
    if "missing" in words:
        what = "has several configurations"
    return MixwrightError(
        f"{name}: {place} {what}; set `config` to one of {shortened(configs, MOST)}"
    )


def _not_there(name: str, place: str, words: str) -> MixwrightError:
    if "is a gated dataset" in words:
        return MixwrightError(
            f"{name}: {place} is given out on request only ({words[:WORDS]});"
            " ask for it on its page, and log in (hf auth login)"
        )
    if "Revision" in words:
        return MixwrightError(f"{name}: {place}: {words[:WORDS]}; correct revision")
    return MixwrightError(
        f"{name}: {place} is no data set of the hub, or a private one;"
        " correct dataset, or log in (hf auth login)"
    )


def _cause(error: BaseException) -> str:
    """The words of the first error in a chain: the last ones say only that something failed."""
    while error.__cause__ is not None:
        error = error.__cause__
    words = " ".join(str(error).split()) or type(error).__name__
    return words[:WORDS]
