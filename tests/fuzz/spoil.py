"""Ways to spoil a file: its bytes, its text, its numbers, its table, and what lies in its place."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml
from pyarrow import parquet

Generator = np.random.Generator
Spoil = Callable[[Path, Generator], None]

_TEXTS = (
    *(
        "",
        " ",
        "\t",
        "0",
        "1",
        "-1",
        "+1",
        "01",
        "1.0",
        "1e0",
        "0.5",
        "nan",
        "NaN",
        "inf",
        "-inf",
        "1e400",
        "-0",
        "1_0",
    ),
    *(
        "1,0",
        "\uff11",
        "\u0663",
        "\u00bd",
        "\u00b2",
        "0x10",
        "true",
        "True",
        "null",
        "None",
        "~",
        "[]",
        "{}",
        "''",
        '""',
    ),
    *(
        "\u00e9",
        "e\u0301",
        "\u200b1",
        "\ufeff1",
        "1\u2028",
        "1\x1c",
        "\x0b",
        "\x00",
        "\x1b[31m",
        "\u202e",
        "\U0001f4a9",
    ),
    *(
        "a" * 5000,
        "9" * 5000,
        "../x",
        "/etc/passwd",
        "C:\\x",
        "$(true)",
        "`true`",
        "*a",
        "&a [*a]",
        "<<: *a",
        "%s",
        "{0}",
    ),
    *("!!python/object/apply:os.system [true]", "<script>", "=1+1", "'", '"', "\\", "#", "//", "- - - -"),
)


def _choice(generator: Generator, among: Any) -> Any:
    return among[int(generator.integers(len(among)))]


def _place(generator: Generator, length: int) -> int:
    return int(generator.integers(length + 1))


def _bytes(path: Path, generator: Generator) -> None:
    """Flip, cut, double, insert or leave out some bytes."""
    content = bytearray(path.read_bytes())
    at = _place(generator, len(content))
    some = int(generator.integers(1, 60))
    match int(generator.integers(7)):
        case 0:
            del content[at:]
        case 1:
            del content[at : at + some]
        case 2:
            content[at:at] = content[at : at + some * 20]
        case 3:
            content[at:at] = generator.integers(0, 256, some, dtype=np.uint8).tobytes()
        case 4:
            for place in generator.integers(0, max(1, len(content)), 5):
                content[place : place + 1] = bytes([int(generator.integers(256))])
        case 5:
            content[:] = b""
        case 6:
            content[:] = generator.integers(0, 256, int(generator.integers(2000)), dtype=np.uint8).tobytes()
    path.write_bytes(content)


def _encoding(path: Path, generator: Generator) -> None:
    """Another encoding, another end of lines."""
    text = path.read_bytes().decode("latin-1")
    ways: list[Callable[[], bytes]] = [
        lambda: text.encode("utf-16"),
        lambda: text.encode("utf-32"),
        lambda: b"\xef\xbb\xbf" + text.encode("latin-1"),
        lambda: b"\xef\xbb\xbf\xef\xbb\xbf" + text.encode("latin-1"),
        lambda: text.replace("\n", "\r\n").encode("latin-1"),
        lambda: text.replace("\n", "\r").encode("latin-1"),
        lambda: text.replace("\n", "\x85").encode("latin-1"),
        lambda: text.replace("\n", "\x0b").encode("latin-1"),
        lambda: text.replace("\n", "").encode("latin-1"),
        lambda: (text + "\0").encode("latin-1"),
        lambda: (text + "\x1a").encode("latin-1"),
        lambda: text.upper().encode("utf-8", "replace"),
        lambda: text.encode("latin-1") * 2,
        lambda: (text.rstrip("\n") + "\n" * 50).encode("latin-1"),
    ]
    path.write_bytes(_choice(generator, ways)())


def _words(path: Path, generator: Generator) -> None:
    """Put something else in the place of a word, a number, a line, or between them."""
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    lines = text.split("\n")
    number = int(generator.integers(len(lines)))
    strange = _choice(generator, _TEXTS)
    line = lines[number]
    match int(generator.integers(8)):
        case 0:
            lines[number] = strange
        case 1:
            lines.insert(number, strange)
        case 2:
            at = _place(generator, len(line))
            lines[number] = line[:at] + strange + line[at:]
        case 3 | 4:
            for separator in _shuffled(generator, [",", ":", " ", '"']):
                parts = line.split(separator)
                if len(parts) > 1:
                    parts[int(generator.integers(len(parts)))] = strange
                    lines[number] = separator.join(parts)
                    break
        case 5:
            del lines[number]
        case 6:
            lines.insert(number, line)
        case 7:
            other = int(generator.integers(len(lines)))
            lines[number], lines[other] = lines[other], line
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))


def _shuffled(generator: Generator, items: list[str]) -> list[str]:
    return [items[at] for at in generator.permutation(len(items))]


def _tree(path: Path, generator: Generator) -> None:
    """Change one place of what JSON or YAML holds; of other files a word."""
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    is_json = path.suffix == ".json"
    try:
        tree = json.loads(text) if is_json else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError):
        tree = None
    if not isinstance(tree, dict | list) or path.suffix not in (".json", ".yaml", ".yml"):
        _words(path, generator)
        return
    _change(tree, generator)
    path.write_text(json.dumps(tree) if is_json else yaml.safe_dump(tree, sort_keys=False))


def _change(tree: Any, generator: Generator) -> None:
    while True:
        keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
        if not keys:
            return
        key = _choice(generator, keys)
        if isinstance(tree[key], dict | list) and generator.random() < 0.7:
            tree = tree[key]
            continue
        values = [
            None,
            True,
            0,
            -1,
            1,
            1.5,
            1e300,
            10**30,
            [],
            {},
            [[]],
            {"a": {}},
            *_TEXTS,
            float("nan"),
            [tree[key]] * 3,
        ]
        match int(generator.integers(4)):
            case 0:
                del tree[key]
            case 1 if isinstance(tree, dict):
                tree[str(_choice(generator, _TEXTS))] = tree.pop(key)
            case _:
                tree[key] = _choice(generator, values)
        return


def _table(path: Path, generator: Generator) -> None:
    """Change a parquet file's columns, types, rows or values; of other files some bytes."""
    try:
        table = parquet.read_table(path)
        name = _choice(generator, table.column_names)
        table = _choice(generator, _TABLES)(table, name, table.column_names.index(name), generator)
    except (pa.ArrowException, OSError, TypeError, OverflowError):
        _bytes(path, generator)
        return
    compression = _choice(generator, ["snappy", "none", "gzip", "zstd"])
    parquet.write_table(table, path, row_group_size=int(generator.integers(1, 40)), compression=compression)


def _renamed(table: Any, name: str, at: int, generator: Generator) -> Any:
    names = list(table.column_names)
    names[at] = _choice(generator, [*_TEXTS[1:], name.upper(), f" {name}"])
    return table.rename_columns(names)


def _with_another_value(table: Any, name: str, at: int, generator: Generator) -> Any:
    values = table.column(at).to_pylist()
    if values:
        values[int(generator.integers(len(values)))] = _other_value(values, generator)
    kind = table.schema.field(at).type if generator.random() < 0.5 else None
    return table.set_column(at, name, pa.array(values, type=kind))


_Change = Callable[[Any, str, int, Generator], Any]
_TABLES: tuple[_Change, ...] = (
    lambda table, name, at, generator: table.drop_columns([name]),
    lambda table, name, at, generator: table.append_column(name, table.column(at)),
    lambda table, name, at, generator: table.slice(0, int(generator.integers(len(table) + 1))),
    lambda table, name, at, generator: pa.concat_tables([table, table.slice(0, int(generator.integers(3)))]),
    lambda table, name, at, generator: table.take(pa.array(generator.permutation(len(table)))),
    lambda table, name, at, generator: table.set_column(at, name, pa.nulls(len(table), table.schema.field(at).type)),
    lambda table, name, at, generator: table.set_column(at, name, _retyped(table.column(at), generator)),
    lambda table, name, at, generator: table.set_column(at, name, _retyped(table.column(at), generator)),
    lambda table, name, at, generator: table.append_column("more", pa.array(range(len(table)))),
    lambda table, name, at, generator: table.select(list(reversed(table.column_names))),
    _renamed,
    _with_another_value,
    _with_another_value,
    _with_another_value,
)


def _retyped(column: Any, generator: Generator) -> Any:
    kinds: list[Any] = [
        pa.large_string(), pa.string_view(), pa.binary(), pa.int8(), pa.uint64(), pa.float16(), pa.float64(),
        pa.bool_(), pa.dictionary(pa.int8(), pa.string()), pa.dictionary(pa.int32(), pa.large_string()),
        pa.decimal128(10, 2), pa.large_list(pa.float64()), pa.list_(pa.float16()), pa.list_(pa.int32()),
        pa.list_view(pa.float32()), pa.list_(pa.string()), pa.list_(pa.list_(pa.float32())),
        pa.struct([("a", pa.int8())]), pa.date32(), pa.null(),
    ]  # fmt: skip
    if pa.types.is_list(column.type) and len(column):
        kinds += [pa.list_(pa.float32(), len(column[0]) or 1)] * 4
    for kind in [kinds[at] for at in generator.permutation(len(kinds))]:
        try:
            return column.cast(kind)
        except (pa.ArrowException, NotImplementedError):
            continue
    return column


def _other_value(values: list[Any], generator: Generator) -> Any:
    value = values[0]
    if isinstance(value, list):
        ways: list[Any] = [
            None,
            [],
            value[:-1],
            [*value, 0.0],
            [None, *value[1:]],
            [float("nan"), *value[1:]],
            [1e300, *value[1:]],
        ]
        return _choice(generator, ways)
    return (
        _choice(generator, [None, *_TEXTS])
        if isinstance(value, str)
        else _choice(generator, [None, -1, 2, 7, 0.5, "1", True])
    )


def _place_of(path: Path, generator: Generator) -> None:
    """Something else in the place of a file, or none."""
    match int(generator.integers(9)):
        case 0:
            path.unlink()
        case 1:
            path.unlink()
            path.mkdir()
        case 2:
            path.unlink()
            path.symlink_to(path.name)
        case 3:
            path.unlink()
            path.symlink_to("/nowhere/at/all")
        case 4:
            path.unlink()
            os.mkfifo(path)
        case 5:
            path.unlink()
            with socket.socket(socket.AF_UNIX) as one:
                here = os.getcwd()
                os.chdir(path.parent)  # a socket's path may not be long
                try:
                    one.bind(path.name)
                finally:
                    os.chdir(here)
        case 6:
            path.chmod(0)
        case 7:
            strange = _choice(
                generator, ["new\nline", "\x1b[31m", "\udcff\udcfe", "e\u0301é", " ", "-x", "a" * 200, "%s{0}"]
            )
            path.rename(path.with_name(f"{strange}{path.suffix}"))
        case 8:
            path.rename(path.with_name(path.name.swapcase()))


def _layout(path: Path, generator: Generator) -> None:
    """The file in another folder, in a zip, a zip that is spoilt, or among what systems leave."""
    match int(generator.integers(6)):
        case 0:
            deeper = path.parent / "deeper" / "and deeper"
            deeper.mkdir(parents=True, exist_ok=True)
            shutil.move(path, deeper / path.name)
        case 1 | 2:
            packed = path.with_suffix(".zip")
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.write(
                    path, _choice(generator, [path.name, f"a/{path.name}", f"../{path.name}", f"a\\{path.name}"])
                )
                archive.writestr("__MACOSX/._x", b"\0")
            path.unlink()
            if generator.random() < 0.5:
                _bytes(packed, generator)
        case 3:
            shutil.copy(path, path.with_name(f"{path.stem}_copy{path.suffix}"))
        case 4:
            for name in (
                ".DS_Store",
                f"._{path.name}",
                "Thumbs.db",
                f"{path.name}~",
                "README.txt",
                "notes.md",
                "x.json",
                "x.csv",
                "x.txt",
            ):
                (path.parent / name).write_bytes(b"\0\xff")
            (path.parent / "__MACOSX").mkdir(exist_ok=True)
        case 5:
            (path.parent / "a loop").symlink_to(path.parent)


ANY: tuple[Spoil, ...] = (_bytes, _encoding, _words, _words, _tree, _tree, _place_of, _layout)
PARQUET: tuple[Spoil, ...] = (_bytes, _table, _table, _table, _table, _place_of)


def spoil(path: Path, generator: Generator) -> str:
    """Spoil a file in one way, by chance; returns which."""
    way: Spoil = _choice(generator, PARQUET if path.suffix == ".parquet" else ANY)
    with contextlib.suppress(FileExistsError):  # spoilt like this before
        way(path, generator)
    return way.__name__.strip("_")
