"""Opens a file of text as bytes, packed or not, and tells files that are not what they stand for.

What a file is packed with is read off its first bytes, not off its name.
"""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from mixwright.errors import MixwrightError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# The end of a packed file's name -> how such a file begins.
PACKED = {
    ".gz": b"\x1f\x8b",
    ".zst": b"\x28\xb5\x2f\xfd",
    ".bz2": b"BZh",
    ".xz": b"\xfd7zXZ\x00",
}
# The end of a packed file's name -> the command that writes it unpacked.
UNPACK = {".gz": "gzip -dc", ".zst": "zstd -dc", ".bz2": "bzip2 -dc", ".xz": "xz -dc"}
# Skippable frames of zstandard, which may come first, begin with one of 16 numbers.
SKIPPABLE = b"\x2a\x4d\x18"
# How the small files begin that stand in the place of large ones -> their name and the remedy.
POINTERS = {
    b"version https://git-lfs.github.com/spec/": ("a git-lfs pointer", "git lfs pull"),
    b"/annex/objects/": ("a git-annex pointer", "git annex get"),
}
# The end of a file's name, packing left aside -> what it is read as.
FORMS = {
    ".txt": "text",
    ".jsonl": "json",
    ".json": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
}
# Bytes read from a packed file at a time.
PIECE = 1 << 17
# Bytes that are unpacked at a time: few, because they may hold a thousand times as much, and
# because how far a file was read is told by those that were taken when a block was ready.
FED = 1 << 12
# Bytes of text that a frame of zstandard may look back on: all that the format allows.
WINDOW = 1 << 31


@dataclass(frozen=True)
class Opened:
    """A file that is open for reading."""

    # its bytes, unpacked
    file: IO[bytes]
    # its bytes on disk: their position says how much of it was read
    disk: IO[bytes]
    # the end of a packed file's name, by its content; "" for none
    packing: str


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Yields the unpacked bytes of a file; errors are as for `opened_on_disk`."""
    with opened_on_disk(path) as content:
        yield content.file


@contextmanager
def opened_on_disk(path: Path) -> Iterator[Opened]:
    """Yields a file's unpacked bytes, and the file as it lies on disk.

    Raises:
        MixwrightError: the file cannot be read, is a pointer to a file that was not fetched, is not
            packed as its name says, or is broken or cut off. One line names the file.
    """
    try:
        with path.open("rb") as file:
            packing = packing_of(path, file)
            with unpacked(file, packing) as content:
                yield Opened(content, file, packing)
    except PermissionError:
        raise MixwrightError(
            f"{path}: it may not be read; change its permissions (chmod u+r) or leave it out"
        ) from None
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        reason = (str(error).splitlines() or [error.__class__.__name__])[0]
        raise MixwrightError(
            f"{path}: not readable as {_form(path)} ({reason});"
            " fetch it again, repair it or leave it out"
        ) from None


def packing_of(path: Path, file: IO[bytes]) -> str:
    """Returns the end that the name of a file packed like this one has; "" if it is not packed.

    The file is left at its start.
    """
    start = file.read(64)
    file.seek(0)
    for opening, (what, remedy) in POINTERS.items():
        if start.startswith(opening):
            raise MixwrightError(
                f"{path}: {what}, not the file itself; fetch it ({remedy}) or leave it out"
            )
    for suffix, opening in PACKED.items():
        if start.startswith(opening):
            return suffix
    if start[1:4] == SKIPPABLE and 0x50 <= start[0] <= 0x5F:
        return ".zst"
    if start and path.suffix.lower() in PACKED:
        raise MixwrightError(
            f"{path}: not readable as {_form(path)}"
            f" (its content is not packed as {path.suffix} is);"
            " name it as it is, fetch it again or leave it out"
        )
    return ""


def form_of(path: Path) -> str:
    """Returns what a file is read as: text, json or parquet.

    Raises:
        MixwrightError: the end of its name tells none of them.
    """
    form = FORMS.get(_suffix(path))
    if form is None:
        raise MixwrightError(
            f"{path}: this kind of file is not read;"
            f" give {', '.join(FORMS)} (or {', '.join(PACKED)} of them)"
        )
    return form


def not_utf8(path: Path, offset: int, line: int, error: UnicodeDecodeError) -> MixwrightError:
    """Returns the error of bytes that are not UTF-8: where they stand, and the command that mends.

    Args:
        path: the file.
        offset: of the first such byte, counted from 0 in the unpacked file.
        line: its line, counted from 1.
        error: what decoding raised.
    """
    packing = path.suffix.lower()
    place = f"byte {offset}, line {line}"
    encoding = "latin1"
    if error.object[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    convert = f"iconv -f {encoding} -t utf-8 {path.name}"
    if packing in UNPACK:
        place = f"byte {offset} of the unpacked file, line {line}"
        convert = f"{UNPACK[packing]} {path.name} | iconv -f {encoding} -t utf-8"
    return MixwrightError(
        f"{path}: not UTF-8 ({place}: {error.reason}); repair that line, or convert the file if all"
        f" of it is in another encoding, e.g. {convert}"
    )


class ZstdFrames(io.RawIOBase):
    """The unpacked bytes of all frames of a zstandard file; one that is cut off is an EOFError.

    The package's own reader ends without an error where the file does.
    """

    def __init__(self, file: IO[bytes]) -> None:
        import zstandard

        self._file = file
        self._unpacker = zstandard.ZstdDecompressor(max_window_size=WINDOW)
        self._frame = self._unpacker.decompressobj()
        # Packed bytes of the next frame, and unpacked ones that nobody took yet.
        self._packed = b""
        self._ready = memoryview(b"")
        self._in_frame = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fills the buffer with the next unpacked bytes; returns 0 at the end."""
        while not self._ready:
            packed = self._packed or self._file.read(FED)
            if not packed:
                if self._in_frame:
                    raise EOFError("it ends inside a zstandard frame: it is cut off")
                return 0
            self._ready = memoryview(self._unpack(packed))
        view = memoryview(buffer).cast("B")
        size = min(len(view), len(self._ready))
        view[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def _unpack(self, packed: bytes) -> bytes:
        """What so many packed bytes hold; a new frame is begun where one ends."""
        from zstandard import ZstdError

        try:
            unpacked: bytes = self._frame.decompress(packed)
        except ZstdError as error:
            raise OSError(str(error)) from None
        self._packed = b""
        self._in_frame = not self._frame.eof
        if self._frame.eof:
            self._packed = self._frame.unused_data
            self._frame = self._unpacker.decompressobj()
        return unpacked


def unpacked(file: IO[bytes], packing: str) -> Any:
    """Returns the unpacked bytes of a file, as an open file.

    Args:
        file: as it lies on disk.
        packing: what `packing_of` returned.
    """
    if packing == ".gz":
        return gzip.open(file)
    if packing == ".bz2":
        return bz2.open(file)
    if packing == ".xz":
        return lzma.open(file)
    if packing == ".zst":
        return io.BufferedReader(ZstdFrames(file), PIECE)
    return file


def _suffix(path: Path) -> str:
    """The end of a file's name, packing left aside, in small letters; "" for none."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in PACKED]
    return suffixes[-1] if suffixes else ""


def _form(path: Path) -> str:
    """What messages call the form of a file: `json`, or `csv` of files of other readers."""
    suffix = _suffix(path)
    return FORMS.get(suffix, suffix.lstrip("."))
