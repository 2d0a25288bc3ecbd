"""LaTeX formulas as SVG, for pages that must not load anything."""

from __future__ import annotations

import re
from functools import lru_cache
from io import BytesIO

# Matplotlib's mathtext draws most of LaTeX's formulas; these commands it knows by other names or not at all.
_OTHER_NAMES = (
    (r"\\(?:bigl|bigr|Bigl|Bigr|left|right)(?![a-z])", ""),
    (r"\\[tld]frac(?![a-z])", r"\\frac"),
    (r"\\[lr]Vert(?![a-z])", r"\\Vert "),
    (r"\\[lr]vert(?![a-z])", r"\\vert "),
    (r"\\text\{", r"\\mathrm{"),
    (r"\\(ne|ge|le)(?![a-z])", r"\\\1q"),
    (r"\\(mathcal|mathrm|mathbb) ([A-Za-z])", r"\\\1{\2}"),
    (r"\\frac(\d)(\d)", r"\\frac{\1}{\2}"),
    (r"\\frac(\d)\{", r"\\frac{\1}{"),
)


@lru_cache(maxsize=256)
def formula_svg(latex: str) -> str | None:
    """The formula as an SVG document, black on nothing; None where it uses LaTeX that cannot be drawn here."""
    from matplotlib.mathtext import math_to_image

    for pattern, name in _OTHER_NAMES:
        latex = re.sub(pattern, name, latex)
    out = BytesIO()
    try:
        math_to_image(f"${latex}$", out, format="svg", dpi=72)
    except ValueError:
        return None
    text = out.getvalue().decode()
    # Without the white ground and the date, neither of which belongs to the formula.
    return re.sub(r'<metadata>.*?</metadata>|<g id="patch_1">.*?</g>', "", text[text.index("<svg") :], flags=re.DOTALL)
