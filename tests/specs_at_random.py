"""Specs that nobody would write and that parse: every statement and expression of the grammar, laid out at random."""

from hypothesis import strategies as st

NAMES = ["a", "web", "tokens", "at", "by", "of", "x1", "expect_", "within", "via"]
PLAIN = ["a", "web", "tokens", "x1", "long_name_of_a_thing"]
NUMERALS = [
    "0",
    "1_000",
    "2.5",
    "15.6T",
    "128k   context",
    "16Mi",
    "5%",
    "3e-4",
    "8k steps",
    "1 step",
    "2.50USD",
    "80GiB",
]
STRINGS = ['"plain"', '"with # no comment"', r'"a \" quote"', '"runs/${web.name}/x"', '""']
REMARKS = ["# note", "#tight", "## doc", "# assumed: why  ", "#", "# lehr: allow SCH204 -- why", '# "open']

blanks = st.sampled_from([" ", "  ", "\t", " \t "])
gaps = st.sampled_from(["", " ", "  "])
names = st.sampled_from(PLAIN)


def _breaks(draw, remarks: bool = True) -> str:
    """White space inside brackets, where lines may end."""
    kinds = ["", "", " ", "\n", "\n\n  ", " \n\t"]
    if remarks:
        kinds += ["  # why\n", "\n  # own line\n  "]
    return draw(st.sampled_from(kinds))


@st.composite
def expressions(draw, depth: int = 3) -> str:
    """An expression; inside brackets it may run over lines."""
    kinds = ["name", "numeral", "text"]
    if depth > 0:
        kinds += [
            "member",
            "element",
            "call",
            "list",
            "group",
            "signed",
            "binary",
            "choose",
            "not",
            "range",
            "logic",
        ]
    kind = draw(st.sampled_from(kinds))
    inner = expressions(depth=depth - 1)
    gap = draw(gaps)
    match kind:
        case "name":
            return draw(names)
        case "numeral":
            return draw(st.sampled_from(NUMERALS))
        case "text":
            return draw(st.sampled_from(STRINGS))
        case "member":
            return f"{draw(names)}{gap}.{gap}{draw(names)}"
        case "element":
            index = draw(st.sampled_from(["*", "1", "a.b", "\n 2 \n"]))
            return f"{draw(names)}{gap}[{_breaks(draw)}{index}{_breaks(draw)}]"
        case "call":
            return f"{draw(names)}{gap}({_items(draw, inner, named=True)})"
        case "list":
            return f"[{_items(draw, inner, named=False)}]"
        case "group":
            return f"({_breaks(draw)}{draw(inner)}{_breaks(draw)})"
        case "signed":
            return f"{draw(st.sampled_from('+-'))}{gap}{draw(names)}"
        case "binary":
            op = draw(st.sampled_from([" * ", "/", " / ", "+", " - ", " of ", "  *  "]))
            return f"({draw(inner)}{op}{draw(inner)})"
        case "choose":
            return f"(if {draw(names)} == 1 then {draw(inner)} else {draw(inner)})"
        case "not":
            return f"(not {draw(names)})"
        case "range":
            return f"({draw(names)}{gap}..{gap}{draw(st.sampled_from(['6', '1M', 'web']))})"
        case _:
            op = draw(st.sampled_from(["and", "or"]))
            compare = draw(st.sampled_from(["==", "!=", "<=", ">=", "<", ">"]))
            return f"({draw(names)} {op} {draw(names)}{gap}{compare}{gap}{draw(inner)})"


def _items(draw, inner, named: bool) -> str:
    count = draw(st.integers(0, 3))
    parts: list[str] = []
    for _ in range(count):
        label = f"{draw(names)}{draw(gaps)}:{draw(gaps)}" if named and draw(st.booleans()) else ""
        parts.append(f"{_breaks(draw)}{label}{draw(inner)}{_breaks(draw)}")
    tail = f",{_breaks(draw)}" if parts and draw(st.booleans()) else ""
    return ",".join(parts) + tail if parts else _breaks(draw)


@st.composite
def values(draw) -> str:
    """An expression, or a timeline of them; arrows may begin lines."""
    found = draw(expressions())
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2, 3]))):
        lead = draw(st.sampled_from([" ", "  ", "\n  ", "\n\n", "  # why\n    ", "\n # own line\n  "]))
        jump = draw(st.booleans())
        point = draw(st.sampled_from(["end", "60%", "252M", "8k steps", "a.b"]))
        leg = (
            f"-> {draw(expressions(depth=1))} at {point}"
            if jump
            else f"~>{draw(gaps)}{draw(names)} by {point}"
        )
        curve = " via cosine" if not jump and draw(st.booleans()) else ""
        found += lead + leg + curve
    return found


@st.composite
def statements(draw, depth: int = 2) -> str:
    kinds = [
        "field",
        "field",
        "field",
        "path",
        "let",
        "param",
        "import",
        "expect",
        "require",
        "set",
        "scale",
        "next",
    ]
    if depth > 0:
        kinds += ["block", "block", "repeat", "each"]
    kind = draw(st.sampled_from(kinds))
    value, within = values(), draw(st.sampled_from(["", " within 5%", "  within  a"]))
    name, gap = draw(names), draw(gaps)
    match kind:
        case "field":
            return f"{name}{gap}={gap}{draw(value)}"
        case "path":
            return f"{name}{gap}.{gap}{draw(names)} = {draw(value)}"
        case "let" | "next":
            found = draw(value) if kind == "let" else draw(expressions())
            return f"{kind} {name}{gap}={gap}{found}"
        case "param":
            default = f"{gap}={gap}{draw(expressions())}" if draw(st.booleans()) else ""
            return f"param {name}{gap}:{gap}count{default}"
        case "import":
            return f'import  "lib/{name}.lehr"  as {name}'
        case "expect":
            return f"expect {draw(names)}.b == {draw(expressions())}{within}"
        case "require":
            return f"require {draw(names)} >= {draw(expressions())}{within} at {draw(st.sampled_from(['end', '5%']))}"
        case "set":
            return f"set {name}[*].{draw(names)}{gap}={gap}{draw(value)}"
        case "scale":
            floor = draw(st.sampled_from(["", " floor 4 steps"]))
            return f"scale {name} by {draw(expressions(depth=1))}{floor}"
        case "block":
            like = draw(st.sampled_from(["", f" like {name}.base"]))
            own = draw(st.sampled_from(["", f" {name}"]))
            return f"{draw(names)}{own}{like if own else ''}{gap}{draw(bodies(depth=depth - 1))}"
        case "repeat":
            carry = draw(st.sampled_from(["", " carry p = a", " carry p = a ,q=b"]))
            return f"repeat {name} for i in 1..3{carry} {draw(bodies(depth=depth - 1))}"
        case _:
            return f"each {name} for i in {draw(expressions(depth=1))} {draw(bodies(depth=depth - 1))}"


@st.composite
def bodies(draw, depth: int) -> str:
    inside = draw(st.lists(statements(depth=depth), max_size=3))
    if not inside:
        return draw(st.sampled_from(["{}", "{ }", "{\n}", "{ # empty\n}", "{\n\n # only this\n\n}"]))
    opening = draw(st.sampled_from(["", " ", "\n", "  # opened\n", "\n\n"]))
    closing = draw(st.sampled_from(["", " ", "\n", "  # closed\n", "\n # last\n"]))
    return "{" + opening + _parted(draw, inside) + closing + "}"


def _parted(draw, parts: list[str]) -> str:
    """Statements one after the other, however they are parted."""
    found = parts[0]
    for part in parts[1:]:
        remark = draw(st.sampled_from(REMARKS))
        parting = draw(
            st.sampled_from(
                [";", " ;  ", "\n", "\n\n\n", f"  {remark}\n", f"\n  {remark}\n", f"\n\n{remark}\n\n", "; \n"]
            )
        )
        found += parting + part
    return found


@st.composite
def specs(draw) -> str:
    """A whole file."""
    head = draw(st.sampled_from(["lehr 1\n", "# first\n\nlehr  1   # edition\n\n\n", "\n\nlehr 1\n"]))
    body = draw(st.lists(statements(), max_size=5))
    tail = draw(st.sampled_from(["", "\n", "\n\n\n", "  # last", "\n# last\n", "\n\n  # last"]))
    text = head + (_parted(draw, body) if body else "") + tail
    return text.replace("\n", "\r\n") if draw(st.integers(0, 4)) == 0 else text
