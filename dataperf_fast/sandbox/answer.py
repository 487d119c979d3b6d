"""How an answer is brought out: a shell looks at what a stranger left, then says in a line what is wrong with it.

Under bubblewrap the shell runs beside the algorithm, so what it says is shown and no more: the algorithm, the same
user, could have said it.
"""

from __future__ import annotations

from dataperf_fast.sandbox.terms import Limits, size

FIRST_LINE = 300  # bytes in which the shell says what is wrong
# $answer is the file, $shown its name to users, $full what is said where a place in $places has no room left.
LOOK = """
for place in $places; do
    case " $(df --output=avail,iavail "$place" 2>/dev/null | tail -n 1) " in *" 0 "*) echo "$full" >&3; exit;; esac
done
if [ "$code" -ne 0 ]; then echo "exited with status $code" >&3; exit; fi
if [ -L "$answer" ]; then echo "its $shown is a link" >&3; exit; fi
if [ -d "$answer" ]; then echo "its $shown is a folder" >&3; exit; fi
if [ ! -e "$answer" ]; then echo "wrote no $shown" >&3; exit; fi
if [ ! -f "$answer" ]; then echo "its $shown is no plain file" >&3; exit; fi
echo >&3
exec cat -- "$answer" >&3
"""


def full(limits: Limits) -> str:
    """What is said of an algorithm that filled a place."""
    return f"wrote more than {size(limits.output)}"


def taken_apart(content: bytes, answer: str, limits: Limits) -> tuple[bytes | None, str]:
    """The answer's bytes, or the problem with it, from what the shell brought."""
    said, complete, body = content.partition(b"\n")
    if not complete:
        return None, "ended before its answer was read"
    text = said[:FIRST_LINE].decode("utf-8", "replace")
    problem = "".join(letter if letter.isprintable() else "?" for letter in text)
    if not problem and len(body) > limits.output:
        problem = f"its /output/{answer} is larger than {size(limits.output)}"
    return (None, problem) if problem else (body, "")
