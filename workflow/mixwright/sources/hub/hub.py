"""The source `hub`: a Hugging Face data set, streamed by name or read from a folder."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.sources.base import Reading, Row, Source
from mixwright.sources.columns import Columns
from mixwright.sources.hub import hub_files
from mixwright.sources.places import expanded, patterns


class Hub(Source):
    """One split of a data set, in the order of its files.

    No code of a data set is run. Where the data set lies on this machine, no connection is opened.
    """

    def check(self, where: str) -> None:
        if not self.settings.get("dataset"):
            raise MixwrightError(
                f"{where}.dataset is missing; give a name of the hub, org/name, or a folder"
            )
        if self.settings.get("files"):
            raise MixwrightError(
                f"{where}.files says nothing with source: hub;"
                " choose files of the data set with data_files"
            )
        split = hub_files.split_of(self.settings)
        if not split.isidentifier() and set(split) & set("[+:]"):
            raise MixwrightError(
                f"{where}.split: {split} is a slice or a sum; name one split, take less with"
                " `sample`, and several as `sources`"
            )
        for pattern in patterns(self.settings.get("data_files")):
            if PurePosixPath(pattern).is_absolute() or "://" in pattern:
                raise MixwrightError(
                    f"{where}.data_files: {pattern} is not inside the data set;"
                    " write it as the data set names it, or use source: files"
                )
        Columns(self.name, self.settings).check(where)

    def inputs(self) -> list[Path]:
        folder = self._folder()
        if folder is None:
            return []
        return hub_files.files_of(self.name, folder, self.settings)

    def size(self) -> int | None:
        try:
            folder = self._folder()
            if folder is None:
                return None
            return hub_files.text_bytes(self.name, folder, self.settings)
        except (MixwrightError, OSError):
            return None

    def facts(self) -> dict[str, Any]:
        facts = dict(self.settings)
        folder = Path(expanded(str(facts.get("dataset"))))
        if folder.is_dir() and hub_files.is_saved(folder):
            facts["fingerprint"] = hub_files.state_print(folder, self.settings)
        return facts

    def caveats(self) -> list[str]:
        dataset = str(self.settings["dataset"])
        revision = self.settings.get("revision")
        if Path(expanded(dataset)).is_dir() or hub_files.COMMIT.fullmatch(str(revision)):
            return []
        return [
            f"{self.name} is read from the hub's data set {dataset} at"
            f" {revision or 'its newest state'}, which may change; the log of its job says the"
            " commit: set `revision` to it."
        ]

    def documents(self, reading: Reading | None = None) -> Iterator[Row]:
        from mixwright.sources.hub import hub_reading

        reading = reading or Reading()
        columns = Columns(self.name, self.settings)
        with hub_reading.shards(self.name, self.settings, self._folder(), reading) as shards:
            yield from hub_reading.rows(columns, shards, reading)
        columns.check_filter(all_read=reading.tally.whole and reading.parts == 1)

    @classmethod
    def example(cls, folder: Path) -> dict[str, Any]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        (folder / "notes" / "data").mkdir(parents=True)
        for number in range(2):
            texts = pa.table({"text": [f"one text of {number}", f"another of {number}"]})
            pq.write_table(
                texts, folder / "notes" / "data" / f"train-{number:05d}-of-00002.parquet"
            )
        return {"source": "hub", "dataset": str(folder / "notes")}

    def _folder(self) -> Path | None:
        """Where the data set lies; None where it is read from the hub."""
        return hub_files.folder_of(self.name, self.settings)
