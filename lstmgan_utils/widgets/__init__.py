"""Widgets for Jupyter: the piano-roll player, the resampling panel, the listening test."""

from .listening import BlindTest, BlindTestPanel
from .player import PianoRollPlayer
from .resampling import resampling_panel

__all__ = ["BlindTest", "BlindTestPanel", "PianoRollPlayer", "resampling_panel"]
