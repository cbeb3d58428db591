"""The project's own recordings, made with scripted input and labelled as such."""

from pathlib import Path

FOLDER = Path(__file__).with_name("recordings")
