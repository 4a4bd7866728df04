"""Widgets for Jupyter: the piano-roll player, the resampling panel, the listening test."""

from .listening import BlindTest, BlindTestPanel
from .player import PianoRollPlayer
from .resampling import ResamplingPanel

__all__ = ["BlindTest", "BlindTestPanel", "PianoRollPlayer", "ResamplingPanel"]
