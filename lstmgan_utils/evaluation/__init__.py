"""Is it music? The front door to the instruments that judge pieces, and sets of pieces.

`statistics` and `form` describe one piece; `overlaps`, `fidelity` and `comparison` compare sets;
`novelty` finds copies; `longform` follows a song over 200 measures; `clipping` cuts clips that may
fairly be compared; `targets` puts all of it in one table, `league` several writers in one.
"""

from .clipping import clips, noise_like
from .copies import novelty
from .descriptors import GLOSSARY, describe
from .distances import PieceSet
from .league import league_table, standings
from .long_pieces import drift, long_form
from .scorecard import compare, scorecard, scorecards
from .table import Table

__all__ = ["GLOSSARY", "PieceSet", "Table", "clips", "compare", "describe", "drift",
           "league_table", "long_form", "noise_like", "novelty", "scorecard", "scorecards",
           "standings"]  # fmt: skip
