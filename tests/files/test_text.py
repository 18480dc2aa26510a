"""Lines of files in other encodings, line ends and packings."""

import gzip
import os
from pathlib import Path

import pytest

from offdiag.errors import UserError
from offdiag.files import TextFile, split_lines, text_lines

ODD = "a\u2028b\u0085c\x0bd\x0ce\u2029f\x1cg"


def lines_of(path: Path, data: bytes) -> list[str]:
    path.write_bytes(data)
    return list(text_lines(TextFile.at(path)))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_line_ends_where_an_editor_ends_it(tmp_path: Path, end: str, mark: str) -> None:
    text = f"{mark}{ODD}{end}é{end}{end}last"
    expected = [f"{ODD}\n", "é\n", "\n", "last"]
    assert lines_of(tmp_path / "a", text.encode()) == expected == split_lines(text)


def test_a_mark_inside_is_a_character(tmp_path: Path) -> None:
    assert lines_of(tmp_path / "a", "x\n\ufeffy".encode()) == ["x\n", "\ufeffy"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_the_same_however_many_bytes_are_read_at_once(tmp_path: Path, end: str) -> None:
    lines = [f"\ufeff{ODD} line {i}" if i % 7 == 3 else f"é line {i}" for i in range(40_000)]
    found = lines_of(tmp_path / "a", end.join(lines).encode())
    assert found == [*(f"{line}\n" for line in lines[:-1]), lines[-1]]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize(("byte", "said"), [(b"\xff", "(0xff) is not UTF-8"), (b"\0", "is zero")])
def test_one_wrong_byte_far_inside_is_told_where_it_is(tmp_path: Path, end: bytes, byte: bytes, said: str) -> None:
    lines = [b"line of a text, a little longer"] * 40_000
    lines[35_000] = b"a wrong " + byte
    data = end.join(lines)
    with pytest.raises(UserError) as caught:
        lines_of(tmp_path / "a", data)
    assert f"line 35001: byte {data.index(byte)} of the file" in str(caught.value)
    assert said in str(caught.value)


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    assert lines_of(tmp_path / "a", b"") == [] == split_lines("")


def test_a_packed_file_is_unpacked(tmp_path: Path) -> None:
    assert lines_of(tmp_path / "a.gz", gzip.compress(f"\ufeff{ODD}\nb\n".encode())) == [f"{ODD}\n", "b\n"]


PACKED = gzip.compress(bytes(range(65, 91)) * 400, mtime=0)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("é\nä\n".encode("latin-1"), "line 1: byte 0 of the file (0xe9) is not UTF-8: save it as UTF-8 (iconv"),
        (b"one\r\ntwo\r\n\xc3\xa9 \xe9\n", "line 3: byte 13 of the file (0xe9) is not UTF-8"),
        (b"one\ntwo\xc3", "line 2: byte 7 of the file (0xc3) is not UTF-8"),
        (b"\xed\xa0\xbd\n", "line 1: byte 0 of the file (0xed) is not UTF-8"),  # half a character, as UTF-8 never has
        ("a\nb".encode("utf-16"), " is in UTF-16: save it as UTF-8 (iconv -f UTF-16 -t UTF-8"),
        ("a,b\nc".encode("utf-16-le"), " is in UTF-16: save it as UTF-8 (iconv -f UTF-16LE "),
        ("a,b\nc".encode("utf-16-be"), " is in UTF-16: save it as UTF-8 (iconv -f UTF-16BE "),
        (f'{{"q": "{ODD}é—"}}\n'.encode("utf-16-le"), " is in UTF-16: save it as UTF-8 (iconv -f UTF-16LE "),
        ("a\nb".encode("utf-32"), " is in UTF-32"),
        (bytes(64), " is no text, most of its first bytes are zero"),
        (b"one\n\0two\n", "line 2: byte 4 of the file is zero, which no text has"),
        (PACKED[:-9], "the gzip archive is damaged or cut off"),
        (PACKED[:-8] + bytes(8), "the gzip archive is damaged or cut off"),
        (PACKED[:12] + b"\xff" + PACKED[13:], "the gzip archive is damaged or cut off"),
        (b"PK\x03\x04rest", "is a ZIP archive or an Excel workbook: save its table as CSV"),
        (b"PAR1rest", "is a Parquet file"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "is a Git LFS pointer instead of the file"),
    ],
)
def test_what_is_no_text_is_told_with_its_place(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(UserError) as raised:
        lines_of(tmp_path / "a.txt", data)
    assert said in str(raised.value)
    assert str(tmp_path / "a.txt") in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no file .*none.txt: put it there"):
        list(text_lines(TextFile.at(tmp_path / "none.txt", "put it there")))
    with pytest.raises(UserError, match=r"cannot be read \(Is a directory\)"):
        list(text_lines(TextFile.at(tmp_path)))


def test_a_pipe_or_a_device_with_a_name_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jsonl")
    (tmp_path / "linked.jsonl").symlink_to(tmp_path / "a.jsonl")
    pipes = [(tmp_path / name, "pipe") for name in ("a.jsonl", "linked.jsonl")]
    for path, what in (*pipes, (Path("/dev/zero"), "device")):
        with pytest.raises(UserError, match=f"{path} is a {what}, which would be waited for: save what it gives"):
            list(text_lines(TextFile.at(path)))
        with pytest.raises(UserError, match="save what it gives"):
            TextFile.at(path).read()
    assert list(text_lines(TextFile.at(Path("/dev/null")))) == []


def test_what_a_shell_hands_over_is_read() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as file:
        file.write("one\n")
    assert TextFile.at(Path(f"/dev/fd/{reading}")).read() == "one\n"
    os.close(reading)
