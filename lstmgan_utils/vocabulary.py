"""A vocabulary of beats: the words that the generator can paint.

Folk tunes, moved to one key signature, hold only a few thousand different beats: pictures of
24 steps by 128 pitches. The commonest of them are the words of the generator; it chooses a word
a beat, and the word paints its cells.
"""

from collections import Counter

import numpy as np

from .pianoroll import N_PITCHES, RESOLUTION, encode, n_steps

BEATS_PER_MEASURE = {"4/4": 4, "3/4": 3, "6/8": 3}  # in quarter notes; the metres that we model
METRES = list(BEATS_PER_MEASURE)
SECTION = 16  # measures, the length of most tunes; the generator's memory starts afresh after them
SAME_AS = {"2/4": "4/4", "2/2": "4/4"}  # two measures of 2/4 are written as one of 4/4


def modelled_metre(metre):
    """Give the metre under which a tune is learned, or None where we leave it out.

    Introduced in lesson 05.
    """
    metre = SAME_AS.get(metre, metre)
    return metre if metre in BEATS_PER_MEASURE else None


def key_shift(fifths):
    """Give the semitones, -6 to 5, that move a key signature to the one without sharps or flats.

    Args:
        fifths: int, sharps of the key signature, or minus its flats.

    Returns:
        int.

    Introduced in lesson 04.
    """
    return (-7 * int(fifths) + 6) % 12 - 6


def cut_beats(notes, pickup=0):
    """Cut a tune into beats of 24 steps, from its first full measure on.

    Args:
        notes: note array.
        pickup: int, time steps to leave out before the first full measure.

    Returns:
        uint8 ndarray, shape (beats, 24, 128); the last beat is filled up with silence.

    Introduced in lesson 05.
    """
    length = -(-max(n_steps(notes) - pickup, 0) // RESOLUTION) * RESOLUTION
    roll = encode(notes)[pickup:]
    padded = np.zeros((length, N_PITCHES), np.uint8)
    padded[: len(roll)] = roll
    return padded.reshape(-1, RESOLUTION, N_PITCHES)


class Vocabulary:
    """The words, and how to read a roll in them.

    Args:
        tiles: uint8 ndarray, shape (words, 24, 128); word 0 is silence.

    Introduced in lesson 05.
    """

    def __init__(self, tiles):
        self.tiles = np.asarray(tiles, np.uint8)
        self._known = {tile.tobytes(): word for word, tile in enumerate(self.tiles)}
        self._sounding, self._height = _outline(self.tiles)

    def __len__(self):
        return len(self.tiles)

    def read(self, beats):
        """Find the word of each beat; a beat outside the vocabulary gets the nearest word.

        The nearest word has the same rhythm where there is one, and of those the melody that is
        the fewest semitones away. (Counting the cells that differ would be a trap: a lone
        quarter differs from silence by 23 cells, from its neighbour on the keyboard by 46.)

        Args:
            beats: uint8 ndarray, shape (beats, 24, 128).

        Returns:
            int32 ndarray, shape (beats,).
        """
        return np.array([self._word(beat) for beat in beats], np.int32)

    def _word(self, beat):
        key = beat.tobytes()
        if key not in self._known:  # remembered then, since rare beats come again
            sounding, height = _outline(beat)
            rhythm = (self._sounding != sounding).sum(axis=1)
            both = self._sounding & sounding
            melody = (np.abs(self._height - height) * both).sum(axis=1)
            self._known[key] = int(np.lexsort((melody, rhythm))[0])
        return self._known[key]

    def paint(self, words):
        """Paint words as a roll.

        Args:
            words: int ndarray, shape (beats,).

        Returns:
            uint8 ndarray, shape (24 * beats, 128).
        """
        return self.tiles[words].reshape(-1, N_PITCHES)


def _outline(beats):
    """Tell at which steps of a beat something sounds, and how high on average: two (…, 24)."""
    n_sounding = beats.sum(axis=-1, dtype=np.int32)
    total = beats.astype(np.float32) @ np.arange(N_PITCHES, dtype=np.float32)
    return n_sounding > 0, total / np.maximum(n_sounding, 1)


def learn_vocabulary(tunes, n_words=2048):
    """Collect the commonest beats of some tunes.

    Args:
        tunes: iterable of uint8 ndarrays, shape (beats, 24, 128), all in one key signature.
        n_words: int, the most words to keep, silence included.

    Returns:
        (Vocabulary, float share of all beats that it covers).

    Introduced in lesson 05.
    """
    counts = Counter(beat.tobytes() for beats in tunes for beat in beats)
    silence = bytes(RESOLUTION * N_PITCHES)
    common = [key for key, _ in counts.most_common(n_words) if key != silence][: n_words - 1]
    share = (sum(counts[key] for key in common) + counts[silence]) / max(sum(counts.values()), 1)
    tiles = np.frombuffer(silence + b"".join(common), np.uint8)
    return Vocabulary(tiles.reshape(-1, RESOLUTION, N_PITCHES)), share
