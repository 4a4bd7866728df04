import dataclasses

import numpy as np

from .performance import Performance
from .pianoroll import RESOLUTION

P = dict(sigma=0.02, centre=0.6, width=0.5, change=0.12, jump=6.0, empty=1.0, salience=1.0, worst=6.0, beat=0.0)
BITS = {0: 0.0, 12: 0.8, 6: 1.6, 18: 1.6, 8: 2.2, 16: 2.2, 3: 3, 9: 3, 15: 3, 21: 3, 4: 3.2, 20: 3.2}
TOGETHER = 0.035
PERIODS = np.geomspace(0.27, 1.6, 64)
LONGEST, MOST = 3.2, 4
FINE = 10


def group(times, pitches, ends):
    order = np.argsort(times)
    times, pitches, ends = times[order], pitches[order], ends[order]
    starts = [0]
    for i in range(1, len(times)):
        if times[i] - times[starts[-1]] > TOGETHER:
            starts.append(i)
    starts = np.array(starts)
    counts = np.diff(np.append(starts, len(times)))
    when = np.add.reduceat(times, starts) / counts
    low = np.minimum.reduceat(pitches, starts).astype(float)
    long = np.maximum.reduceat(ends - times, starts)
    return when, counts, low, long


def salience(when, counts, low, long):
    gap = np.append(np.diff(when), 1.0)
    window = np.abs(when[:, None] - when) < 2 if len(when) < 3000 else None
    parts = [np.log(counts), -low / 12, 0.5 * np.log(np.clip(gap, 0.03, 2)), 0.5 * np.log(np.clip(long, 0.05, 4))]
    total = 0
    for part in parts:
        mean = np.array([part[max(0, i - 12) : i + 13].mean() for i in range(len(part))])
        sd = part.std() + 1e-3
        total = total + np.clip((part - mean) / sd, -1.5, 1.5)
    return total / 2


def place_costs():
    phase = np.arange(RESOLUTION * FINE) / FINE
    table = np.full((len(PERIODS), len(phase)), np.inf)
    for place, bits in BITS.items():
        off = np.abs((phase - place + 12) % 24 - 12) / 24
        table = np.minimum(table, bits + (off * PERIODS[:, None]) ** 2 / (2 * P["sigma"] ** 2))
    return np.minimum(table, P["worst"])


def track(when, strong):
    n, table = len(when), place_costs()
    octaves = np.log2(PERIODS)
    tempo = (octaves - np.log2(P["centre"])) ** 2 / (2 * P["width"] ** 2) + P["beat"]
    change = np.minimum((octaves[:, None] - octaves) ** 2 / (2 * P["change"] ** 2), P["jump"])
    best = np.full((n, len(PERIODS)), np.inf)
    back = np.zeros((n, len(PERIODS), 3), int)
    best[:8] = np.arange(min(8, n))[:, None] * 2.0
    back[:, :, 0] = -1
    for i in range(n - 1):
        come = best[i] + change.T  # to, from
        source = come.argmin(axis=1)
        come = come[np.arange(len(PERIODS)), source]
        stop = np.searchsorted(when, when[i] + LONGEST)
        stop = max(stop, i + 2)
        ahead = when[i + 1 : stop] - when[i]
        for k in range(1, MOST + 1):
            period = ahead / k
            ok = np.flatnonzero((period >= PERIODS[0]) & (period <= PERIODS[-1]))
            if not len(ok):
                continue
            bins = np.searchsorted(PERIODS, period[ok]).clip(0, len(PERIODS) - 1)
            phase = (ahead / period[ok, None] % 1 * RESOLUTION * FINE).round().astype(int) % (RESOLUTION * FINE)
            costs = table[bins[:, None], phase]
            inner = np.arange(len(ahead)) < ok[:, None]
            cost = (costs * inner).sum(axis=1) + k * tempo[bins] + (k - 1) * P["empty"] - P["salience"] * strong[i + 1 + ok] + come[bins]
            for j, b, c in zip(i + 1 + ok, bins, cost):
                if c < best[j, b]:
                    best[j, b] = c
                    back[j, b] = i, source[b], k
    tail = np.arange(n)[::-1][:, None] * 2.0
    last = best + tail
    j, b = np.unravel_index(last.argmin(), last.shape)
    total = last.min() / n
    beats = [when[j]]
    while back[j, b, 0] >= 0:
        i, b2, k = back[j, b]
        beats += list(np.linspace(when[j], when[i], k + 1)[1:])
        j, b = i, b2
    return np.array(beats[::-1]), total


def to_seconds(steps, tempos):
    changes = [(0.0, 120.0), *[(s, b) for s, b in tempos]]
    at = np.array([s for s, _ in changes]); bpm = np.array([b for _, b in changes])
    start = np.concatenate([[0], np.cumsum(np.diff(at) * 60 / bpm[:-1] / RESOLUTION)])
    place = np.searchsorted(at, steps, side="right") - 1
    return start[place] + (steps - at[place]) * 60 / bpm[place] / RESOLUTION


def follow(performance):
    notes = np.concatenate([p.notes for p in performance.parts])
    on, end = (to_seconds(notes[s], performance.tempos) for s in ("onset", "end"))
    ev = group(on, notes["pitch"], end)
    beats, cost = track(ev[0], salience(*ev))
    first, last = beats[1] - beats[0], beats[-1] - beats[-2]
    n_before = int(np.ceil(max(beats[0] - on.min(), 0) / first + 0.01))
    n_after = int(np.ceil(max(end.max() - beats[-1], 0) / last + 0.01))
    beats = np.concatenate([beats[0] - first * np.arange(n_before, 0, -1), beats, beats[-1] + last * np.arange(1, n_after + 1)])
    parts = []
    for p in performance.parts:
        rows = p.notes.copy()
        for side in ("onset", "end"):
            rows[side] = np.interp(to_seconds(rows[side], performance.tempos), beats, np.arange(len(beats)) * 24.0)
        parts.append(dataclasses.replace(p, notes=np.sort(rows)))
    tempos = [(24.0 * i, 60 / d) for i, d in enumerate(np.diff(beats))]
    return Performance(parts, [], performance.keys, tempos, performance.text_bytes, performance.flaws), cost
