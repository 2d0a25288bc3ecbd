"""Text that the user gave, made safe to show."""


def literal(text: str) -> str:
    """``text`` with Markdown's signs escaped, so that it is shown as it is."""
    return "".join("\\" + c if c in r"\`*_{}[]()#+-.!|~$<>:" else c for c in text)
