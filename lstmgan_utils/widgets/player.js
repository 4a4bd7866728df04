// The piano-roll player: draws the notes, plays them, moves a playhead. Plain JavaScript for
// anywidget: no libraries, no requests; the kernel sends the sound as bytes.

const STEPS_PER_BEAT = 24;
const RULER = 20; // pixels above the notes, for the measure numbers
const KEYS = 34; // pixels left of the notes, for the names of the Cs
const ROW = 5, LEAST = 220; // pixels: a pitch at least, all pitches at least
const MEASURE = 60; // pixels at least; more where notes are short
const LIGHT = { paper: "#ffffff", row: "#f2f4f7", beat: "#e7eaee", bar: "#b9c0c9", text: "#5a6472",
  note: "#0072b2", lit: "#d55e00", head: "#d55e00", loop: "rgba(0,114,178,.13)" };
const DARK = { paper: "#16191d", row: "#1e2227", beat: "#262b31", bar: "#4a525c", text: "#a4afbb",
  note: "#56b4e9", lit: "#ffc20a", head: "#ffc20a", loop: "rgba(86,180,233,.2)" };
/** The sound as an <audio> element, fed with the bytes that the kernel made. */
class Recording {
  constructor(bytes, mime, onend, place) {
    this.url = URL.createObjectURL(new Blob([bytes], { type: mime }));
    // One element for all songs: Safari lets an element play again that a click has played once.
    this.element = place.querySelector("audio") ?? place.appendChild(new Audio());
    this.element.src = this.url;
    this.element.onended = onend;
  }
  get time() { return this.element.currentTime; }
  set time(seconds) { this.element.currentTime = seconds; }
  get playing() { return !this.element.paused; }
  play() { return this.element.play(); }
  pause() { this.element.pause(); }
  close() { this.pause(); URL.revokeObjectURL(this.url); }
}

/** Read the kernel's state: notes in seconds and steps, and the size of the whole. */
function readSong(model) {
  const view = model.get("rows");
  const rows = new Int32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
  const secondsPerStep = 60 / model.get("tempo") / STEPS_PER_BEAT;
  const notes = [];
  for (let i = 0; i < rows.length; i += 3) {
    const [onset, duration, pitch] = rows.subarray(i, i + 3);
    notes.push({ onset, duration, pitch });
  }
  const perMeasure = model.get("steps_per_measure");
  const last = notes.reduce((end, note) => Math.max(end, note.onset + note.duration), 1);
  const measures = Math.ceil(last / perMeasure);
  const pitches = notes.map((note) => note.pitch);
  let low = pitches.length ? pitches.reduce((a, b) => Math.min(a, b)) - 2 : 55;
  let high = pitches.length ? pitches.reduce((a, b) => Math.max(a, b)) + 2 : 79;
  while (high - low < 24) { if (low > 0) low -= 1; if (high < 127) high += 1; }
  const short = notes.map((note) => note.duration).sort((a, b) => a - b)[notes.length >> 2];
  const leastWidth = Math.min(160, Math.max(MEASURE, 8 * perMeasure / (short ?? perMeasure)));
  return { notes, perMeasure, measures, low, high, secondsPerStep, leastWidth,
    height: RULER + Math.max(LEAST, ROW * (high - low + 1)),
    steps: measures * perMeasure, duration: measures * perMeasure * secondsPerStep };
}

/** Keys pressed in the player or its panel are theirs, not the notebook's: an arrow in a menu picks
no other cell. Lumino asks the focused element itself, and before it the window is asked. */
function ownKeys(root, { target, key, shiftKey, ctrlKey, metaKey, altKey }) {
  const command = ctrlKey || metaKey || altKey || (shiftKey && key === "Enter");
  if (root.contains(target)) target.toggleAttribute("data-lm-suppress-shortcuts", !command);
}

/** Name the panel's sliders for screen readers; ipywidgets does not. */
function nameSliders(root) {
  for (const slider of root.querySelectorAll(".widget-slider"))
    slider.querySelector(".noUi-handle, .ui-slider-handle")
      ?.setAttribute("aria-label", slider.querySelector(".widget-label").textContent);
}

/** Build the elements once; their texts carry the labels for screen readers. */
function build(el) {
  el.innerHTML = `
  <div class="roll-player" role="group">
    <div class="bar">
      <button class="play" type="button">▶ Play</button>
      <button class="loop" type="button" aria-pressed="false"
        title="Repeat the selected measures (drag over the roll to select)">↻ Loop</button>
      <span class="time" aria-hidden="true"></span>
      <span class="title" aria-live="polite"></span>
    </div>
    <div class="scroll" role="slider" tabindex="0" title="Click: go there. Drag: select measures.
Space: play. Arrows: measure by measure. Shift+arrows: select. L: loop. Esc: clear.">
      <div class="wide"><canvas></canvas></div>
    </div>
  </div>`;
  const find = (name) => el.querySelector(name);
  return { root: find(".roll-player"), play: find(".play"), loop: find(".loop"), time: find(".time"),
    title: find(".title"), scroll: find(".scroll"), wide: find(".wide"), canvas: find("canvas") };
}

const clock = (seconds) =>
  `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

/** Choose the colours by the text around: light text means a dark page. */
function palette(element) {
  const [red, green, blue] = getComputedStyle(element).color.match(/[\d.]+/g).map(Number);
  return red + green + blue > 384 ? DARK : LIGHT;
}

/** Draw the part of the roll that the scroll position shows. */
function draw(parts, song, now, loop) {
  const { canvas, scroll, root } = parts;
  const width = scroll.clientWidth, ratio = window.devicePixelRatio || 1;
  if (!width) return;
  const { height } = song, size = [width, height].map((pixels) => Math.round(pixels * ratio));
  if (canvas.width !== size[0] || canvas.height !== size[1]) {
    [canvas.width, canvas.height] = size;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const pen = canvas.getContext("2d"), colour = palette(root);
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  const scale = stepWidth(parts, song), left = scroll.scrollLeft;
  const x = (step) => KEYS + step * scale - left;
  const row = (height - RULER) / (song.high - song.low + 1);
  const y = (pitch) => RULER + (song.high - pitch) * row;
  drawGrid(pen, { song, colour, x, y, row, width, scale, loop });
  const step = now / song.secondsPerStep;
  for (const note of song.notes) {
    const from = x(note.onset), to = x(note.onset + note.duration);
    if (to < KEYS || from > width) continue;
    const sounds = step >= note.onset && step < note.onset + note.duration && now > 0;
    pen.fillStyle = sounds ? colour.lit : colour.note;
    pen.beginPath();
    pen.roundRect(from, y(note.pitch) + 0.5, Math.max(to - from - 1, 1.5), Math.max(row - 1, 2), 2);
    pen.fill();
  }
  pen.fillStyle = colour.head;
  pen.fillRect(x(step) - 1, 0, 2, height);
  drawKeys(pen, { song, colour, y, row });
}

/** Paper, black-key rows, beat and measure lines, measure numbers, the selection. */
function drawGrid(pen, { song, colour, x, y, row, width, scale, loop }) {
  pen.fillStyle = colour.paper;
  pen.fillRect(0, 0, width, song.height);
  pen.fillStyle = colour.row;
  for (let pitch = song.low; pitch <= song.high; pitch++)
    if ([1, 3, 6, 8, 10].includes(pitch % 12)) pen.fillRect(0, y(pitch), width, row);
  if (loop.length) {
    pen.fillStyle = colour.loop;
    const from = x((loop[0] - 1) * song.perMeasure);
    pen.fillRect(from, 0, x(loop[1] * song.perMeasure) - from, song.height);
  }
  pen.font = "11px system-ui, sans-serif";
  const numbersApart = Math.ceil(28 / (scale * song.perMeasure));
  for (let step = 0; step <= song.steps; step += STEPS_PER_BEAT) {
    const at = x(step), isBar = step % song.perMeasure === 0;
    if (at < KEYS - 60 || at > width) continue;
    if (!isBar && scale * STEPS_PER_BEAT < 8) continue;
    pen.fillStyle = isBar ? colour.bar : colour.beat;
    pen.fillRect(at, isBar ? 0 : RULER, 1, song.height);
    const measure = step / song.perMeasure;
    if (!isBar || step === song.steps || measure % numbersApart) continue;
    pen.fillStyle = colour.text;
    pen.fillText(measure + 1, at + 4, 14);
  }
}

/** The names of the Cs, on a strip that stays while the roll scrolls. */
function drawKeys(pen, { song, colour, y, row }) {
  pen.fillStyle = colour.paper;
  pen.fillRect(0, 0, KEYS, song.height);
  pen.fillStyle = colour.text;
  for (let pitch = song.low; pitch <= song.high; pitch++)
    if (pitch % 12 === 0) pen.fillText(`C${pitch / 12 - 1}`, 8, y(pitch) + row / 2 + 4);
  pen.fillStyle = colour.bar;
  pen.fillRect(KEYS - 1, 0, 1, song.height);
}

/** Pixels a step: the song fills the width, but a measure is never narrower than its notes need. */
function stepWidth({ scroll }, song) {
  return Math.max((scroll.clientWidth - KEYS - 1) / song.steps, song.leastWidth / song.perMeasure);
}

function render({ model, el }) {
  const parts = build(el);
  let song, sound, frame = 0, drag = null, loop = []; // first and last measure, from 1

  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const measureAt = (seconds) =>
    clamp(Math.floor(seconds / song.secondsPerStep / song.perMeasure + 1e-6), 0, song.measures - 1);
  const startOf = (measure) => measure * song.perMeasure * song.secondsPerStep;
  function load(keepPlace) {
    const wasPlaying = sound?.playing, place = sound && song ? sound.time / song.duration : 0;
    const size = song?.steps;
    sound?.close();
    song = readSong(model);
    sound = new Recording(model.get("audio"), model.get("mime"), () => refresh(), parts.root);
    if (keepPlace && size === song.steps && place < 1) sound.time = place * song.duration;
    if (loop[1] > song.measures) loop = [];
    parts.wide.style.width = `${KEYS + song.measures * song.leastWidth}px`;
    if (!keepPlace) parts.scroll.scrollLeft = 0;
    parts.root.dataset.shown = model.get("shown");
    if (keepPlace && (wasPlaying || model.get("autoplay"))) start(); else refresh();
  }

  async function start() {
    if (!song.notes.length) return refresh();
    if (sound.time >= song.duration) sound.time = 0;
    const here = measureAt(sound.time) + 1;
    if (loop.length && (here < loop[0] || here > loop[1])) sound.time = startOf(loop[0] - 1);
    window.dispatchEvent(new CustomEvent("roll-player", { detail: parts }));
    try { await sound.play(); } catch { return refresh(); } // the browser waits for a click
    cancelAnimationFrame(frame);
    tick();
  }
  const stop = () => { sound.pause(); refresh(); };
  const toggle = () => (sound.playing ? stop() : start());
  const yieldTo = ({ detail }) => { if (detail !== parts && sound.playing) stop(); };

  function seek(seconds) {
    sound.time = clamp(seconds, 0, song.duration - 0.01);
    refresh();
    follow();
  }

  function choose(measures) {
    loop = measures;
    refresh();
  }

  function tick() {
    if (loop.length && sound.time >= startOf(loop[1])) sound.time = startOf(loop[0] - 1);
    refresh();
    follow();
    if (sound.playing) frame = requestAnimationFrame(tick);
  }

  function follow() {
    const { scroll } = parts, at = (sound.time / song.secondsPerStep) * stepWidth(parts, song);
    const seen = scroll.clientWidth - KEYS;
    if (at < scroll.scrollLeft || at > scroll.scrollLeft + seen - 8)
      scroll.scrollLeft = at - 0.1 * seen;
  }

  function refresh() {
    const now = Math.min(sound.time, song.duration), measure = measureAt(now) + 1;
    const silent = !song.notes.length, count = `${song.notes.length} notes`;
    const title = model.get("title");
    parts.play.textContent = sound.playing ? "❚❚ Pause" : "▶ Play";
    parts.play.disabled = silent;
    parts.loop.setAttribute("aria-pressed", String(loop.length > 0));
    parts.time.textContent =
      `${clock(now)} / ${clock(song.duration)} · measure ${measure} of ${song.measures}`;
    const text = silent ? "this sample is silent" : [title, count].filter(Boolean).join(" · ");
    if (parts.title.textContent !== text) parts.title.textContent = text;
    const place = { valuemin: 1, valuemax: song.measures, valuenow: measure, label: "Place in the song",
      valuetext: `measure ${measure} of ${song.measures}` };
    for (const [name, value] of Object.entries(place)) parts.scroll.setAttribute(`aria-${name}`, value);
    parts.root.setAttribute("aria-label", `Piano roll player. ${text}`);
    Object.assign(parts.root.dataset, { time: now.toFixed(2), loop });
    draw(parts, song, now, loop);
  }

  const stepUnder = (event) => {
    const left = parts.scroll.getBoundingClientRect().left;
    const pixels = event.clientX - left + parts.scroll.scrollLeft - KEYS;
    return clamp(pixels / stepWidth(parts, song), 0, song.steps - 1);
  };
  parts.play.onclick = toggle;
  parts.loop.onclick = () => {
    const here = measureAt(sound.time) + 1;
    choose(loop.length ? [] : [here, Math.min(here + 1, song.measures)]);
  };
  parts.scroll.onscroll = refresh;
  parts.scroll.onpointerdown = (event) => {
    if (event.target === parts.canvas) drag = { x: event.clientX, step: stepUnder(event) };
  };
  const move = (event) => {
    if (!drag || Math.abs(event.clientX - drag.x) < 6) return;
    const ends = [drag.step, stepUnder(event)].sort((a, b) => a - b);
    drag.moved = true;
    choose(ends.map((step) => Math.floor(step / song.perMeasure) + 1));
  };
  const drop = (event) => {
    if (drag && !drag.moved) seek(stepUnder(event) * song.secondsPerStep);
    drag = null;
  };
  window.addEventListener("pointermove", move);
  window.addEventListener("pointerup", drop);
  window.addEventListener("roll-player", yieldTo);

  parts.root.onkeydown = (event) => {
    const here = measureAt(sound.time);
    const side = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const isButton = event.target.tagName === "BUTTON";
    if (event.key === " " && !isButton) toggle();
    else if (side && event.shiftKey) {
      const [first, last] = loop.length ? loop : [here + 1, here + 1 - (side > 0)];
      choose([first, clamp(last + side, first, song.measures)]);
    } else if (side) seek(startOf(clamp(here + side, 0, song.measures - 1)));
    else if (event.key === "Home") seek(0);
    else if (event.key === "End") seek(startOf(song.measures - 1));
    else if (event.key.toLowerCase() === "l") parts.loop.onclick();
    else if (event.key === "Escape") choose([]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const reload = () => load(true);
  model.on("change:shown", reload);
  const panel = () => el.closest(".resampling-panel") ?? el;
  const keys = (event) => ownKeys(panel(), event);
  window.addEventListener("keydown", keys, true);
  const resized = new ResizeObserver(() => { nameSliders(panel()); refresh(); });
  const themed = new MutationObserver(() => refresh());
  load(false);
  resized.observe(parts.scroll);
  themed.observe(document.body, { attributes: true });
  return () => {
    model.off("change:shown", reload);
    window.removeEventListener("pointermove", move);
    window.removeEventListener("pointerup", drop);
    window.removeEventListener("roll-player", yieldTo);
    window.removeEventListener("keydown", keys, true);
    resized.disconnect();
    themed.disconnect();
    cancelAnimationFrame(frame);
    sound.close();
  };
}

export default { render };
