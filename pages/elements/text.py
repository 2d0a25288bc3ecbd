"""Text that the user gave, made safe to show."""


def whole_number(text: str) -> int | None:
    """The number that a link or an address gives; None for everything that is not up to six digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None


def literal(text: str) -> str:
    """``text`` with Markdown's signs escaped, so that it is shown as it is."""
    return "".join("\\" + c if c in r"\`*_{}[]()#+-.!|~$<>:" else c for c in text)
