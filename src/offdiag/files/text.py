"""Lines of text files in UTF-8, with or without a byte order mark, plain or packed by gzip.

A line ends at LF, CR LF or CR, as in editors, and is given with LF, so that a file means the same however its lines
end. It ends at nothing else: U+2028 and U+0085 are characters of a text, at which ``str.splitlines`` would break it.
"""

import gzip
import io
import os
import re
import stat
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self, cast

from offdiag.errors import UserError, did_you_mean

_BOM = "\ufeff"
_LINE_END = re.compile(r"\r\n?")
_WIDE = ((b"\xff\xfe\0\0", "UTF-32"), (b"\0\0\xfe\xff", "UTF-32"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))
_GZIP = b"\x1f\x8b"
_BLOCK = 2**18  # bytes that are read at once
_OTHERS = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook: save its table as CSV in UTF-8"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook: save its table as CSV in UTF-8"),
    (b"PAR1", "a Parquet file: save it as JSON lines or as CSV"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd: unpack it with zstd -d"),
    (b"BZh", "packed by bzip2: unpack it with bunzip2"),
    (b"\xfd7zXZ", "packed by xz: unpack it with unxz"),
    (b"version https://git-lfs", "a Git LFS pointer instead of the file: type git lfs pull in its repository"),
)


class TextFile(NamedTuple):
    """A file of another's making.

    Attributes:
        name: what messages call it. open: opens it for bytes. absent: what to do if it is not there.
    """

    name: str
    open: Callable[[], BinaryIO]
    absent: str = "give the path of a file that is there"

    @classmethod
    def at(cls, path: Path, absent: str = "give the path of a file that is there") -> Self:
        """Return the file of a path."""
        return cls(str(path), lambda: _open(path), absent)

    @classmethod
    def standard_input(cls) -> Self:
        """Return what is piped into the process."""
        return cls("standard input", _standard_input)

    def read(self, most: int = sys.maxsize) -> str:
        """Return the whole text; of a file of strangers no more than ``most`` bytes.

        Raises:
            UserError: as :func:`text_lines` does, or there are more.
        """
        with _opened(self) as raw:
            data = raw.read() if most == sys.maxsize else raw.read(most + 1)
            if len(data) > most:
                raise UserError(
                    f"{self.name} has more than the {most:,} bytes that are taken: is it what its name says?"
                )
            try:
                text = data.decode()
            except UnicodeDecodeError:
                text = "\0"
            if "\0" in text:  # no text, or one in another encoding: line by line, it is told where
                return "".join(_decoded(io.BytesIO(data), self.name))
            return _LINE_END.sub("\n", text.removeprefix(_BOM)) if "\r" in text else text.removeprefix(_BOM)


def _open(path: Path) -> BinaryIO:
    """Open a file for bytes; a pipe or device with a name, which may never say or end anything, is refused.

    What a shell hands over (``<(command)``, /dev/stdin) is a pipe that something writes to.
    """
    mode, handed = path.stat().st_mode, str(path).startswith(("/dev/fd/", "/proc/self/fd/", "/dev/stdin"))
    if not handed and path != Path(os.devnull) and (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISBLK(mode)):
        what = "a pipe" if stat.S_ISFIFO(mode) else "a device"
        raise UserError(f"{path} is {what}, which would be waited for: save what it gives as a file, and give that")
    return path.open("rb")


def advice_on(path: Path) -> str:
    """Return what to do where no file is: the nearest name in its folder, or that the folder is not there."""
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}; give the path of a file that is there"
    near = did_you_mean(path.name, (other.name for other in path.parent.iterdir()))
    return f"{near}give the path of a file that is there"


def text_lines(file: TextFile, longest: int = sys.maxsize) -> Iterator[str]:
    """Yield the lines of a file, each with LF behind it, one at a time; a byte order mark is left out.

    Args:
        longest: a line of so many bytes is never read as a whole.

    Raises:
        UserError: the file cannot be read, is no text, is not in UTF-8 or is cut off, or a line is too long; the
            message says where.
    """
    with _opened(file) as raw:
        yield from _decoded(raw, file.name, longest)


def split_lines(text: str) -> list[str]:
    """Return the lines of a text as :func:`text_lines` would."""
    return io.StringIO(text.removeprefix(_BOM), newline=None).readlines()


def _standard_input() -> BinaryIO:
    buffer: BinaryIO | None = getattr(sys.stdin, "buffer", None)  # a notebook's has none
    return io.BytesIO(sys.stdin.read().encode()) if buffer is None else buffer


def _buffered(raw: BinaryIO) -> io.BufferedReader:
    return raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, raw))


@contextmanager
def _opened(file: TextFile) -> Iterator[BinaryIO]:
    """Open a file for its bytes, unpacked; what goes wrong inside the ``with`` block, too, is told in one line."""
    try:
        with _buffered(file.open()) as raw:
            head = raw.peek(32)
            if (what := next((what for magic, what in _OTHERS if head.startswith(magic)), None)) is not None:
                raise UserError(f"{file.name} is {what}")
            yield cast(BinaryIO, gzip.GzipFile(fileobj=raw) if head.startswith(_GZIP) else raw)
    except FileNotFoundError:
        raise UserError(f"no file {file.name}: {file.absent}") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(
            f"{file.name}: the gzip archive is damaged or cut off ({error}): make or fetch it anew"
        ) from None
    except OSError as error:
        raise UserError(f"{file.name} cannot be read ({error.strerror or error}): {file.absent}") from None


def _decoded(raw: BinaryIO, name: str, longest: int = sys.maxsize) -> Iterator[str]:
    """Yield the lines of an open file."""
    number = offset = 0
    while data := raw.read(_BLOCK):
        data += (rest := raw.readline(longest))  # a line ends at LF
        if len(rest) == longest and not rest.endswith(b"\n"):
            line = number + data.count(b"\n") + 1
            raise UserError(f"{name}, line {line} is longer than the {longest:,} bytes that are taken: break it up")
        text = _plain(data) if number else None
        lines = data.count(b"\n") + (not data.endswith(b"\n"))
        if text is None:
            yield from _checked(io.BytesIO(data).readlines(), name, number, offset)
        else:
            yield from io.StringIO(text, newline="\n")
        number, offset = number + lines + _lone_ends(data), offset + len(data)


def _plain(data: bytes) -> str | None:
    """Return a text whose lines end at LF alone; None for what has to be looked at line by line."""
    if b"\r" in data or b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _lone_ends(data: bytes) -> int:
    """Return how many lines end at a CR."""
    return data.count(b"\r") - data.count(b"\r\n") if b"\r" in data else 0


def _checked(blocks: Sequence[bytes], name: str, number: int, offset: int) -> Iterator[str]:
    """Yield lines, after so many lines and bytes of the file, each looked at by itself."""
    for block in blocks:
        for line in block.splitlines(keepends=True) if b"\r" in block else (block,):
            number += 1
            if number == 1:
                _check_encoding(line, name)
            try:
                text = line.decode()
            except UnicodeDecodeError as error:
                place = f"{name}, line {number}: byte {offset + error.start} of the file (0x{line[error.start]:02x})"
                raise UserError(f"{place} is not UTF-8: {_resaved('WINDOWS-1252')}") from None
            if b"\0" in line:
                at = offset + line.index(b"\0")
                raise UserError(
                    f"{name}, line {number}: byte {at} of the file is zero, which no text has: save it anew"
                )
            offset += len(line)
            text = text.removeprefix(_BOM) if number == 1 else text
            yield text if b"\r" not in line else _LINE_END.sub("\n", text)


def _check_encoding(line: bytes, name: str) -> None:
    """Refuse a file whose first line is in two or four bytes a character, or no text at all."""
    if 4 * line.count(b"\0") > 3 * len(line):  # more zeros than any encoding of characters has
        raise UserError(f"{name} is no text, most of its first bytes are zero: make or fetch it anew")
    found = next((what for mark, what in _WIDE if line.startswith(mark)), None)
    if found is None and len(line) > 1 and 4 * line.count(b"\0") >= len(line):
        found = "UTF-16LE" if line[1] == 0 else "UTF-16BE"  # without a mark
    if found is not None:
        raise UserError(f"{name} is in {found[:6]}: {_resaved(found)}")


def _resaved(encoding: str) -> str:
    """Return what to do with a file in another encoding."""
    return f"save it as UTF-8 (iconv -f {encoding} -t UTF-8, if it is {encoding})"
