"""Page configuration, navigation, and what every page shares."""

import sys
from pathlib import Path

import streamlit as st

if (root := str(Path(__file__).parents[1])) not in sys.path:
    sys.path.insert(0, root)

from pages.elements import link
from pages.frame import bar

st.set_page_config(
    "Shiftscope",
    Path(root) / "assets" / "icon.png",
    layout="wide",
    menu_items={"About": "Shiftscope shows domain shift and its repair. Everything stays on this machine."},
)
ways = [
    st.Page("explore.py", title="Explore", icon=":material/travel_explore:", default=True),
    st.Page(link.ADAPT, title="Adapt", icon=":material/auto_fix_high:"),
    st.Page("compare.py", title="Compare", icon=":material/stacked_line_chart:"),
]
page = st.navigation(ways, position="hidden")

with link.understood():
    bar.draw(ways)
    page.run()
