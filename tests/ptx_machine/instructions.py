"""PTX's instructions: read from lines of text, fused as ptxas fuses them, and which registers are read after each."""

from __future__ import annotations

import re
from typing import NamedTuple


class UnsupportedError(Exception):
    """Something in the PTX that is not translated."""


class Instruction(NamedTuple):
    """``@guard name.mods.kinds operands`` on one line of the PTX, or a label, whose name is ``:``."""

    line: int
    guard: str
    name: str
    words: tuple[str, ...]
    operands: tuple[str, ...]


def instruction(text: str, names: dict[str, str], line: int) -> Instruction:
    guard, text = "", text.strip()
    if text.startswith("@"):
        guard, text = text[1:].split(None, 1)
        if guard.startswith("!"):
            guard = "!" + names.get(guard[1:], guard[1:])
    opcode, _, rest = text.partition(" ") if " " in text.split("\t")[0] else text.partition("\t")
    name, *words = opcode.strip().replace("::", ".").split(".")
    for old, new in names.items():
        rest = re.sub(re.escape(old) + r"\b", new, rest)
    operands, depth = [""], 0
    for letter in rest.strip():
        depth += (letter in "{[") - (letter in "}]")
        if letter == "," and not depth:
            operands.append("")
        else:
            operands[-1] += letter
    words = [word for word in words if word != "uni"]
    return Instruction(line, names.get(guard, guard), name, tuple(words), tuple(filter(None, map(str.strip, operands))))


def fuse(body: list[Instruction]) -> tuple[list[Instruction], int]:
    """Fuse each ``mul`` into the ``add`` or ``sub`` that alone reads it, with no label or branch between the two.

    That is what ptxas does, by its code for the kernels here; neither may name a rounding.
    """
    written, read, part_of = _uses(body)

    def product_of(at: int, side: int) -> int | None:
        """The place of the product that an operand of a sum is, and of that sum alone."""
        first = written.get(body[at].operands[side], [])
        alone = len(first) == 1 and read[body[at].operands[side]] == [at]
        if not alone or first[0] >= at or part_of[first[0]] != part_of[at]:
            return None
        product = body[first[0]]
        moved = any(first[0] < place < at for name in product.operands[1:] for place in written.get(name, []))
        plain = product.name == "mul" and product.words == body[at].words and not product.guard and not moved
        return first[0] if plain else None

    fused = list(body)
    gone = set()
    for at, of in enumerate(body):
        if of.name not in ("add", "sub") or of.words not in (("f32",), ("f64",)) or of.guard:
            continue
        products = [(side, place) for side in (1, 2) if (place := product_of(at, side)) is not None]
        if not products:
            continue
        if len(products) == 2:
            raise UnsupportedError(f"line {of.line}: a sum of two products, of which the assembler may fuse either")
        [(side, place)] = products
        a, b, other = *body[place].operands[1:], of.operands[3 - side]
        if of.name == "sub":
            a, other = (a, _negative(other)) if side == 1 else (_negative(a), other)
        fused[at] = of._replace(name="fma", words=("rn", *of.words), operands=(of.operands[0], a, b, other))
        gone.add(place)
    return [of for at, of in enumerate(fused) if at not in gone], len(gone)


def _uses(body: list[Instruction]) -> tuple[dict[str, list[int]], dict[str, list[int]], list[int]]:
    """Where each register is written, where it is read, and each instruction's part, which labels and branches end."""
    written: dict[str, list[int]] = {}
    read: dict[str, list[int]] = {}
    part_of, part = [], 0
    for at, of in enumerate(body):
        targets, sources = _registers_of(of)
        for name in targets:
            written.setdefault(name, []).append(at)
        for name in sources:
            read.setdefault(name, []).append(at)
        part += of.name == ":"
        part_of.append(part)
        part += of.name in ("bra", "ret", "exit", "bar", "barrier")
    return written, read, part_of


def _negative(operand: str) -> str:
    if operand.startswith("%"):
        return f"-{operand}"
    sign = 63 if operand[1] in "dD" else 31
    return f"{operand[:2]}{int(operand[2:], 16) ^ 1 << sign:0{(sign + 1) // 4}x}"


def live_after(body: list[Instruction], registers: dict[str, str], places: list[int]) -> dict[int, list[str]]:
    """The registers that are still read after each of some instructions, by going backwards until nothing changes."""
    every = list(registers)
    bit_of = {name: 1 << at for at, name in enumerate(every)}
    reads, writes, follows = [], [], []
    label_at = {of.operands[0]: at for at, of in enumerate(body) if of.name == ":"}
    for at, of in enumerate(body):
        written, read = (sum({bit_of[name] for name in names if name in bit_of}) for names in _registers_of(of))
        writes.append(0 if of.guard else written)  # what a guard skips keeps its old value
        reads.append(read)
        nexts = [] if of.name in ("ret", "exit") and not of.guard else [at + 1]
        if of.name == "bra":
            nexts = [label_at[of.operands[0]], *([at + 1] if of.guard else [])]
        follows.append([to for to in nexts if to < len(body)])
    before, changed = [0] * len(body), True
    after = [0] * len(body)
    while changed:
        changed = False
        for at in range(len(body) - 1, -1, -1):
            out = 0
            for to in follows[at]:
                out |= before[to]
            new = reads[at] | (out & ~writes[at])
            after[at] = out
            if new != before[at]:
                before[at], changed = new, True
    return {at: [name for name in every if after[at] & bit_of[name]] for at in places}


def _registers_of(of: Instruction) -> tuple[list[str], list[str]]:
    """What an instruction writes, and what it reads."""
    targets = 0 if of.name in ("st", "red", "bra", "bar", "barrier", ":") else 1
    parts = of.operands[:targets], (*of.operands[targets:], of.guard)
    written, read = ([name for operand in part for name in re.findall(r"%[\w$]+", operand)] for part in parts)
    return written, read
