"""PTX, as NVVM writes it for a kernel, to C that a CPU compiles; ``machine.c`` is what surrounds it.

A thread is one call of one C function: registers are its variables, labels its labels. Where threads meet
(``bar.sync 0``) the function saves what is still needed, returns the barrier's number, and goes on there when it is
called again. What is not known to be translated bit for bit is refused: ``UnsupportedError`` names the line.
"""

from __future__ import annotations

import re
from bisect import bisect
from typing import NamedTuple

from .instructions import Instruction, UnsupportedError, fuse, instruction, live_after

_SIGNS = {"u": "u", "s": "", "b": "u"}
C_TYPES = {
    "pred": "bool", "f32": "float", "f64": "double",
    **{f"{kind}{bits}": f"{sign}int{bits}_t" for kind, sign in _SIGNS.items() for bits in (8, 16, 32, 64)},
}  # fmt: skip
RED_ZONE = 64  # bytes between shared arrays that nobody may touch
_CACHING = {"nc", "ca", "cg", "cs", "cv", "lu", "wb", "wt", "volatile", "weak", "relaxed"}
_SPACES = {"global", "shared", "local", "param", "const"}
_STATEMENT = re.compile(r"\s*(?:(?P<brace>[{}])|(?P<label>[\w$]+):|(?P<text>[^;{}][^;]*);)")
_ENTRY = re.compile(r"\.entry\s+([\w$]+)\s*\((.*?)\)\s*([^{]*)\{", re.S)
_VARIABLE = re.compile(
    r"\.(global|shared|const)\s+\.align\s+(\d+)\s+\.(\w+)\s+([\w$]+)(?:\[(\d*)\])?(?:\s*=\s*\{([^}]*)\})?\s*;"
)
_REGISTERS = re.compile(r"\.reg\s+\.(\w+)\s+(.*)", re.S)
_SPECIAL = re.compile(r"%(n?tid|n?ctaid)\.([xyz])")
_SPECIAL_NAMES = {"tid": "T->index", "ntid": "T->launch->block", "ctaid": "T->block_index", "nctaid": "T->launch->grid"}


class Variable(NamedTuple):
    """An array in shared memory at ``offset``, or in global or constant memory with its first bytes."""

    name: str
    space: str
    offset: int
    size: int
    content: bytes


class Kernel(NamedTuple):
    """A kernel: parameters' kinds in order, registers' kinds, bytes of local memory, arrays, instructions, C text.

    ``barriers`` is how often the text has one, ``global_atomics`` whether blocks meet in an ``atom`` or ``red``,
    ``fused`` how many products went into sums that the PTX has apart.
    """

    name: str
    parameters: dict[str, str]
    shared: list[Variable]
    shared_bytes: int
    local_bytes: int
    barriers: int
    global_atomics: bool
    fused: int
    text: str


def translate(ptx: str, contract: bool = True) -> Kernel:
    """Translate the text's only entry.

    PTX lets its assembler fuse a product and a sum that do not say how they are rounded (``mul.f64``, ``add.f64``).
    ``contract`` fuses what ptxas does by default, ``False`` nothing, as ``ptxas --fmad=false``.
    """
    # Comments go, lines stay where they are.
    ptx = re.sub(r"//[^\n]*", "", ptx)
    ptx = re.sub(r"/\*.*?\*/", lambda found: "\n" * found[0].count("\n"), ptx, flags=re.S)
    if re.search(r"\.func\b", ptx):
        raise UnsupportedError("a function that was not inlined (.func)")
    entries = list(_ENTRY.finditer(ptx))
    if len(entries) != 1:
        raise UnsupportedError(f"{len(entries)} entries in one text")
    entry = entries[0]
    parameters = {}
    for piece in filter(None, map(str.strip, entry[2].split(","))):
        words = piece.split()
        if len(words) != 3 or not words[1].startswith("."):
            raise UnsupportedError(f"the parameter {piece}")
        parameters[words[2]] = words[1][1:]
    variables, shared_bytes = _variables(ptx[: entry.start()])
    return _Translator(entry[1], parameters, variables, shared_bytes).run(ptx, entry.end(), contract)


def _variables(text: str) -> tuple[list[Variable], int]:
    variables, end = [], RED_ZONE
    for space, align, kind, name, count, content in _VARIABLE.findall(text):
        if space == "shared":
            if count == "":
                raise UnsupportedError("dynamic shared memory")
            end += -end % int(align)
        size = _size(kind) * int(count or 1)
        first = b"".join(int(of, 0).to_bytes(_size(kind), "little") for of in content.split(",") if of.strip())
        variables.append(Variable(name, space, end if space == "shared" else 0, size, first.ljust(size, b"\0")))
        if space == "shared":
            end += size + RED_ZONE
    return variables, end


def _size(kind: str) -> int:
    return int(kind[1:]) // 8


class _Translator:
    def __init__(self, name: str, parameters: dict[str, str], variables: list[Variable], shared_bytes: int):
        self.name, self.parameters, self.variables, self.shared_bytes = name, parameters, variables, shared_bytes
        self.slots = {of: at for at, of in enumerate(parameters)}
        self.registers: dict[str, str] = {}
        self.addresses = {of.name: str(of.offset) if of.space == "shared" else f"(uint64_t)data_{at}"
                          for at, of in enumerate(variables)}  # fmt: skip
        self.local_bytes = 0
        self.global_atomics = False

    # Reading the text.

    def run(self, ptx: str, start: int, contract: bool) -> Kernel:
        body = self._parse(ptx, start)
        body, fused = fuse(body) if contract else (body, 0)
        barriers = [at for at, of in enumerate(body) if of.name in ("bar", "barrier")]
        live = live_after(body, self.registers, barriers) if barriers else {}
        lines, saved = [], 0
        for at, of in enumerate(body):
            try:
                if at in live:
                    lines += self._barrier(of, barriers.index(at) + 1, live[at])
                    saved = max(saved, len(live[at]))
                else:
                    lines.append(self._statement(of))
            except (UnsupportedError, KeyError, ValueError, IndexError) as error:
                shown = ".".join([of.name, *of.words]) + " " + ", ".join(of.operands)
                raise UnsupportedError(f"line {of.line}: {shown[:200]} ({error})") from error
        declared = [f"    {C_TYPES[kind]} {_c_name(of)} = 0;" for of, kind in self.registers.items()]
        resumes = "".join(f" case {of}: goto resume_{of};" for of in range(1, len(barriers) + 1))
        data = [f"static _Alignas(16) uint8_t data_{at}[] = {{{', '.join(map(str, of.content))}}};"
                for at, of in enumerate(self.variables) if of.space != "shared"]  # fmt: skip
        text = "\n".join([
            f"enum {{ SHARED_BYTES = {self.shared_bytes}, LOCAL_BYTES = {self.local_bytes}, SAVED = {saved} }};",
            *data,
            "static int run_thread(Thread *T) {",
            *declared,
            f"    switch (T->at) {{ case 0: break;{resumes} default: return 0; }}",
            *lines,
            "    return 0;",
            "}",
            "",
        ])  # fmt: skip
        shared = [of for of in self.variables if of.space == "shared"]
        return Kernel(self.name, self.parameters, shared, self.shared_bytes, self.local_bytes, len(barriers),
                      self.global_atomics, fused, text)  # fmt: skip

    def _parse(self, ptx: str, position: int) -> list[Instruction]:
        breaks = [found.start() for found in re.finditer("\n", ptx)]
        body: list[Instruction] = []
        scopes: list[dict[str, str]] = [{}]  # names that a nested brace declares anew
        while scopes:
            found = _STATEMENT.match(ptx, position)
            if found is None:
                raise UnsupportedError(f"line {bisect(breaks, position) + 1}: not understood")
            position, line = found.end(), bisect(breaks, found.start(found.lastgroup or 0)) + 1
            if found["brace"] == "{":
                scopes.append({})
            elif found["brace"] == "}":
                scopes.pop()
            elif found["label"]:
                body.append(Instruction(line, "", ":", (), (found["label"],)))
            elif found["text"].startswith("."):
                self._directive(found["text"], scopes, line)
            else:
                names = {old: new for scope in scopes for old, new in scope.items()}
                body.append(instruction(found["text"], names, line))
        return body

    def _directive(self, text: str, scopes: list[dict[str, str]], line: int) -> None:
        registers, variable = _REGISTERS.match(text), _VARIABLE.match(text.replace(".local", ".global", 1) + ";")
        if registers:
            for piece in registers[2].split(","):
                name, _, count = piece.strip().partition("<")
                for own in [f"{name}{at}" for at in range(int(count[:-1]))] if count else [name]:
                    if own in self.registers:  # %temp and its like, once more
                        scopes[-1][own] = f"{own}_{line}"
                    self.registers[scopes[-1].get(own, own)] = registers[1]
        elif text.startswith(".local") and variable:
            self.local_bytes += -self.local_bytes % 16
            self.addresses[variable[4]] = str(self.local_bytes)
            self.local_bytes += _size(variable[3]) * int(variable[5] or 1)
        elif not text.startswith((".pragma", ".loc", ".file")):
            raise UnsupportedError(f"line {line}: {text[:80]}")

    # Operands.

    def _value(self, operand: str, kind: str) -> str:
        """A C expression of the C type of ``kind``."""
        c_type = C_TYPES[kind]
        if operand.startswith(("!", "-%")):
            return f"{operand[0]}{self._value(operand[1:], kind)}"
        if operand[:2] in ("0d", "0D", "0f", "0F"):
            bits, own = int(operand[2:], 16), "f64" if operand[1] in "dD" else "f32"
            if own != kind:
                raise UnsupportedError("a constant of another kind")
            return f"as_{own}(0x{bits:x})"
        if re.fullmatch(r"-?(0x[0-9a-fA-F]+|\d+)U?", operand):
            return f"({c_type})0x{int(operand.rstrip('U'), 0) % 2**64:x}ull"
        if special := _SPECIAL.fullmatch(operand):
            return f"({c_type}){_SPECIAL_NAMES[special[1]]}[{'xyz'.index(special[2])}]"
        if operand in self.addresses:
            return f"({c_type}){self.addresses[operand]}"
        own, name = self.registers[operand], _c_name(operand)
        if own == kind:
            return name
        if "pred" in (own, kind) or (kind[0] == "f" and _size(own) != _size(kind)):
            raise UnsupportedError(f"{operand} as {kind}")
        if kind[0] == "f":
            return f"as_{kind}({name})"
        return f"({c_type})" + (f"bits_{own}({name})" if own[0] == "f" else name)

    def _set(self, target: str, kind: str, expression: str) -> str:
        """Assign an expression of the C type of ``kind``; whole numbers are extended by its sign."""
        own, name = self.registers[target], _c_name(target)
        if own == kind or (own[0] == "b" and kind[0] in "bus" and _size(own) >= _size(kind)):
            return f"{name} = {expression};"
        if {own[0], kind[0]} <= set("bfus") and _size(own) == _size(kind):
            return f"{name} = as_{own}({expression});" if own[0] == "f" else f"{name} = bits_{kind}({expression});"
        raise UnsupportedError(f"{target} from {kind}")

    def _address(self, operand: str) -> str:
        base, _, offset = operand.strip("[] ").partition("+")
        return f"{self._value(base, 'u64')} + (uint64_t){int(offset or 0)}ll"

    # Instructions.

    def _statement(self, of: Instruction) -> str:
        if of.name == ":":
            return f"{_c_label(of.operands[0])}:;"
        text = self._plain(of)
        if of.guard:
            text = f"if ({self._value(of.guard, 'pred')}) {{ {text} }}"
        return f"    {text}  // {of.line}"

    def _barrier(self, of: Instruction, number: int, live: list[str]) -> list[str]:
        if of.guard or "sync" not in of.words or of.operands != ("0",):
            raise UnsupportedError("another barrier than bar.sync 0 of all threads")
        fields = [f"T->saved[{at}].{self.registers[name]}" for at, name in enumerate(live)]
        names = list(map(_c_name, live))
        return [
            *(f"    {field} = {name};" for field, name in zip(fields, names, strict=True)),
            f"    T->at = {number}; return {number};  // {of.line}",
            f"resume_{number}:;",
            *(f"    {name} = {field};" for field, name in zip(fields, names, strict=True)),
        ]

    def _plain(self, of: Instruction) -> str:
        name, words, operands = of.name, list(of.words), of.operands
        if name == "bra":
            return f"goto {_c_label(operands[0])};"
        if name in ("ret", "exit"):
            return "T->at = -1; return 0;"
        if name in ("ld", "st", "atom", "red"):
            return self._memory(of)
        if name == "cvta":
            return self._set(operands[0], words[-1], self._window(words, operands[1]))
        if name == "setp":
            return self._compare(words, operands)
        if name == "mov" and "{" in "".join(operands):
            return self._split_or_join(words[-1], operands)
        if name == "cvt":
            return self._set(operands[0], words[-2], self._convert(words[:-2], words[-2], words[-1], operands[1]))
        kind = words.pop()
        return self._set(operands[0], *self._operation(name, words, kind, operands[1:]))

    def _operation(self, name: str, mods: list[str], kind: str, operands: tuple[str, ...]) -> tuple[str, str]:
        """The kind and the expression of what an instruction computes."""
        if name == "selp":
            a, b = (self._value(of, kind) for of in operands[:2])
            return kind, f"{self._value(operands[2], 'pred')} ? {a} : {b}"
        if name in ("shl", "shr"):
            bits = 8 * _size(kind)
            a, by = self._value(operands[0], kind), self._value(operands[1], "u32")
            if kind[0] == "s" and name == "shr":
                return kind, f"{a} >> ({by} > {bits - 1} ? {bits - 1} : {by})"
            return kind, f"{by} > {bits - 1} ? 0 : ({C_TYPES[kind]})({a} {'<<' if name == 'shl' else '>>'} {by})"
        kinds = [kind, kind, "u32", "u32"] if name == "bfi" else [kind] * len(operands)
        values = [self._value(of, own) for of, own in zip(operands, kinds, strict=True)]
        if kind[0] == "f":
            return kind, self._real(name, mods, kind, values)
        if kind == "pred":
            template = {"and": "{} & {}", "or": "{} | {}", "xor": "{} ^ {}", "not": "!{}", "mov": "{}"}[name]
            return kind, template.format(*values)
        c_type = C_TYPES[kind]
        if name in ("mul", "mad"):
            [form] = mods
            twice = f"{kind[0]}{16 * _size(kind)}"
            wide = {"s128": "__int128", "u128": "unsigned __int128"}.get(twice) or C_TYPES[twice]
            product = f"({wide}){values[0]} * {values[1]}"
            product = {"lo": f"{values[0]} * {values[1]}", "wide": product, "hi": f"({product}) >> {kind[1:]}"}[form]
            result = twice if form == "wide" else kind
            extra = f" + {self._value(operands[2], result)}" if name == "mad" else ""
            return result, f"({C_TYPES[result]})(({product}){extra})"
        if mods:
            raise UnsupportedError(f"not for whole numbers: {mods}")
        if name in ("div", "rem", "min", "max", "bfi"):
            return kind, f"{name}_{kind}({', '.join(values)})"
        if name in ("popc", "clz"):
            return "u32", f"{name}_{kind[1:]}({values[0]})"
        template = {
            "mov": "{}", "add": "{} + {}", "sub": "{} - {}", "neg": "-{}", "abs": "{0} < 0 ? -{0} : {0}",
            "and": "{} & {}", "or": "{} | {}", "xor": "{} ^ {}", "not": "~{}",
        }[name]  # fmt: skip
        return kind, f"({c_type})({template.format(*values)})"

    def _real(self, name: str, mods: list[str], kind: str, values: list[str]) -> str:
        """Arithmetic of float32 and float64, rounded to nearest; subnormal numbers are kept."""
        exact = ("mov", "neg", "abs", "min", "max")
        needs = ["rn"] if name in ("fma", "div", "sqrt", "rcp") else []  # for add, sub and mul it is what they mean
        if mods not in ([], ["rn"]) or (mods != needs and name not in ("add", "sub", "mul")):
            raise UnsupportedError(f"the rounding {mods or 'left open'} of {name}.{kind}")
        template = {
            "mov": "{}", "add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "div": "{} / {}",
            "rcp": f"({C_TYPES[kind]})1 / {{}}", "neg": "-{}",
        }.get(name)  # fmt: skip
        if template:
            return template.format(*values)
        if name in (*exact, "fma", "sqrt"):
            return f"{name}_{kind}({', '.join(values)})"
        raise UnsupportedError("unknown")

    def _compare(self, words: list[str], operands: tuple[str, ...]) -> str:
        kind, by, rest = words[-1], words[0], words[1:-1]
        if by in ("lo", "ls", "hi", "hs"):
            by = {"lo": "lt", "ls": "le", "hi": "gt", "hs": "ge"}[by]
        a, b = self._value(operands[1], kind), self._value(operands[2], kind)
        plain = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
        if kind[0] != "f":
            test = f"{a} {plain[by]} {b}"
        elif by == "ne":  # false for what is not a number, as every name without a u
            test = f"{a} < {b} || {a} > {b}"
        elif by in plain:
            test = f"{a} {plain[by]} {b}"
        else:
            test = {
                "equ": "!({a} < {b} || {a} > {b})", "neu": "{a} != {b}", "ltu": "!({a} >= {b})", "leu": "!({a} > {b})",
                "gtu": "!({a} <= {b})", "geu": "!({a} < {b})", "num": "{a} == {a} && {b} == {b}",
                "nan": "{a} != {a} || {b} != {b}",
            }[by].format(a=a, b=b)  # fmt: skip
        first, _, second = operands[0].partition("|")
        join = {"and": "&", "or": "|", "xor": "^"}[rest[0]] if rest else ""
        other = self._value(operands[3], "pred") if rest else ""
        texts = [f"const bool test = {test};"]
        for target, own in ((first, "test"), (second, "!test")):
            if target:
                texts.append(self._set(target, "pred", f"{own} {join} {other}" if rest else own))
        return f"{{ {' '.join(texts)} }}"

    def _convert(self, mods: list[str], to: str, source: str, operand: str) -> str:
        a, whole = self._value(operand, source), {"rni": "rint", "rzi": "trunc", "rmi": "floor", "rpi": "ceil"}
        if to[0] != "f" and source[0] != "f" and not mods:
            return f"({C_TYPES[to]}){a}"
        if to[0] == "f" and (
            (source[0] != "f" and mods == ["rn"]) or (to, source, mods) in (("f32", "f64", ["rn"]), ("f64", "f32", []))
        ):
            return f"({C_TYPES[to]}){a}"
        if len(mods) == 1 and mods[0] in whole and source[0] == "f":
            rounded = f"{whole[mods[0]]}{'f' if source == 'f32' else ''}({a})"
            return rounded if to == source else f"{to}_from_{source}({rounded})"
        raise UnsupportedError("a conversion")

    def _split_or_join(self, kind: str, operands: tuple[str, ...]) -> str:
        parts = [[of.strip() for of in operand.strip("{}").split(",")] for operand in operands]
        half = f"b{int(kind[1:]) // 2}"
        if operands[0].startswith("{"):
            shifted = ("whole", f"(whole >> {half[1:]})")
            low, high = (
                self._set(of, half, f"({C_TYPES[half]}){part}") for of, part in zip(parts[0], shifted, strict=True)
            )
            return f"{{ const {C_TYPES[kind]} whole = {self._value(operands[1], kind)}; {low} {high} }}"
        low, high = (f"({C_TYPES[kind]}){self._value(of, half)}" for of in parts[1])
        return self._set(operands[0], kind, f"{low} | {high} << {half[1:]}")

    def _window(self, words: list[str], operand: str) -> str:
        """An address of shared or local memory counts from the window's beginning; a generic one is the CPU's."""
        space = next(of for of in words if of in _SPACES)
        a = self._value(operand, "u64")
        if space in ("global", "const", "param"):
            return a
        return f"{a} {'-' if 'to' in words else '+'} (uint64_t)T->{space}"

    def _memory(self, of: Instruction) -> str:
        words = [word for word in of.words if word not in _CACHING]
        kind, space = words[-1], next((word for word in words if word in _SPACES), "generic")
        rest = [word for word in words[:-1] if word != space]
        if space == "param":
            if of.name != "ld" or rest:
                raise UnsupportedError("parameters are only read, one at a time")
            slot = self.slots[of.operands[1].strip("[] ")]
            return self._set(of.operands[0], kind, f"*({C_TYPES[kind]} *)(T->launch->arguments + {slot})")
        if of.name in ("atom", "red"):
            return self._atomic(of, space, rest, kind)
        lanes = int(rest.pop()[1:]) if rest and rest[-1] in ("v2", "v4") else 1
        if rest:
            raise UnsupportedError(f"{rest}")
        registers, place = of.operands if of.name == "ld" else of.operands[::-1]
        size, texts = _size(kind), [f"const uint64_t at = {self._address(place)};"]
        for lane, register in enumerate(part.strip() for part in registers.strip("{}").split(",")):
            at, c_type = f"at + {lane * size}", C_TYPES[kind]
            if of.name == "ld":
                # Registers of a v2 may hold its address: "at" is taken before.
                texts.append(self._set(register, kind, f"LOAD({space}, {c_type}, {at}, {of.line})"))
            else:
                texts.append(f"STORE({space}, {c_type}, {at}, {self._value(register, kind)}, {of.line});")
        if len(texts) != lanes + 1:
            raise UnsupportedError("a vector of another length")
        return f"{{ {' '.join(texts)} }}"

    def _atomic(self, of: Instruction, space: str, rest: list[str], kind: str) -> str:
        """Threads of a block take turns, so that a load and a store are one step."""
        self.global_atomics |= space != "shared"
        [action] = [word for word in rest if word not in ("gpu", "cta", "sys", "relaxed")]
        target, place, *given = of.operands if of.name == "atom" else ("", *of.operands)
        values = [self._value(value, kind) for value in given]
        new = {
            "add": "old + {}", "exch": "{}", "min": "{} < old ? {} : old", "max": "{} > old ? {} : old",
            "and": "old & {}", "or": "old | {}", "xor": "old ^ {}", "cas": "old == {} ? {} : old",
        }[action].format(*(values if action == "cas" else values * 2))  # fmt: skip
        c_type = C_TYPES[kind]
        texts = [
            f"const uint64_t at = {self._address(place)};",
            f"const {c_type} old = LOAD_ATOMIC({space}, {c_type}, at, {of.line});",
            f"STORE_ATOMIC({space}, {c_type}, at, ({c_type})({new}), {of.line});",
        ]
        return f"{{ {' '.join(texts)} {self._set(target, kind, 'old') if target else ''} }}"


def _c_name(register: str) -> str:
    return register[1:].replace("$", "_")


def _c_label(label: str) -> str:
    return "label_" + label.replace("$", "_")
