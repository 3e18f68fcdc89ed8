"""The Streamlit script: one component over the whole window; all that moves is in it."""

from pathlib import Path

import streamlit as st

LIVE = Path(__file__).with_name("live")

st.set_page_config(page_title="Tapewatch", page_icon="📈", layout="wide")
st.html("<style>" + (LIVE / "frame.css").read_text(encoding="utf-8") + "</style>")
component = st.components.v2.component(
    "tapewatch",
    html=(LIVE / "live.html").read_text(encoding="utf-8"),
    css=(LIVE / "live.css").read_text(encoding="utf-8"),
    js=(LIVE / "live.js").read_text(encoding="utf-8"),
)
component(key="tapewatch", height="content")
