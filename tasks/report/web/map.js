// The map: a canvas that shows part of a square of SIDE x SIDE, and finds samples by their place.

const canvas = document.getElementById("map-canvas");
const pen = canvas?.getContext("2d");
const BUCKETS = 128;
const AS_PICTURES = 90;

// `zoom` 1 shows everything; `left` and `top` are the corner of what is shown, in units of the map.
const view = { zoom: 1, left: 0, top: 0, width: 1, height: 1, current: -1, outline: [] };
const grid = gridOf();
let asked = false;

function draw() {
  if (!canvas || asked) return;
  asked = true;
  requestAnimationFrame(() => { asked = false; paint(); });
}

function toScreen(sample) {
  const scale = view.zoom / SIDE;
  return [(column.x[sample] - view.left) * scale * view.width, (column.y[sample] - view.top) * scale * view.height];
}

function toMap(x, y) {
  return [view.left + (x / view.width) * (SIDE / view.zoom), view.top + (y / view.height) * (SIDE / view.zoom)];
}

function paint() {
  const sharp = window.devicePixelRatio || 1;
  const box = canvas.getBoundingClientRect();
  [view.width, view.height] = [box.width, box.height];
  const [across, down] = [Math.round(box.width * sharp), Math.round(box.height * sharp)];
  if (canvas.width !== across || canvas.height !== down) [canvas.width, canvas.height] = [across, down];
  pen.setTransform(sharp, 0, 0, sharp, 0, 0);
  pen.clearRect(0, 0, view.width, view.height);
  const shown = view.zoom > 1.5 ? [...within(0, 0, view.width, view.height, AS_PICTURES + 1)] : [];
  if (shown.length && shown.length <= AS_PICTURES) paintPictures(shown);
  else paintPoints();
  paintOutline();
  if (view.current >= 0) paintRing(...toScreen(view.current));
}

function paintPoints() {
  const { order, buckets, hidden } = colouring;
  const side = Math.max(2, Math.min(10, (5.6 - Math.log10(order.samples.length + 1)) * 2.2 * view.zoom ** 0.4));
  const faint = chosen.size > 0;
  order.rank.forEach((bucket, place) => {
    if (hidden.has(bucket)) return;
    pen.fillStyle = buckets[bucket].colour;
    pen.globalAlpha = faint ? 0.22 : 0.85;
    paintSquares(order.samples.subarray(order.starts[place], order.starts[place + 1]), side);
  });
  pen.globalAlpha = 1;
  for (const sample of chosen) {
    if (!visible(sample)) continue;
    pen.fillStyle = buckets[colouring.bucket[sample]].colour;
    paintSquares([sample], side + 1.5);
  }
}

function paintSquares(samples, side) {
  const across = (view.zoom / SIDE) * view.width;
  const down = (view.zoom / SIDE) * view.height;
  const half = side / 2;
  for (const sample of samples) {
    const x = (column.x[sample] - view.left) * across;
    const y = (column.y[sample] - view.top) * down;
    if (x > -side && y > -side && x < view.width + side && y < view.height + side) {
      pen.fillRect(x - half, y - half, side, side);
    }
  }
}

function paintPictures(samples) {
  for (const sample of samples) {
    const [x, y] = toScreen(sample);
    pen.globalAlpha = chosen.size && !chosen.has(sample) ? 0.35 : 1;
    drawThumb(pen, sample, x, y, 56, draw);
    pen.fillStyle = colouring.buckets[colouring.bucket[sample]].colour;
    const [width, height] = sizeOf(sample).map((pixels) => (pixels * 56) / CELL);
    pen.fillRect(x - width / 2, y + height / 2, width, 4);
  }
  pen.globalAlpha = 1;
}

function paintOutline() {
  if (view.outline.length < 2) return;
  pen.beginPath();
  view.outline.forEach(([x, y], place) => (place ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.closePath();
  pen.strokeStyle = pen.fillStyle = ink();
  pen.globalAlpha = 0.08;
  pen.fill();
  pen.globalAlpha = 1;
  pen.lineWidth = 1.5;
  pen.stroke();
}

function paintRing(x, y) {
  for (const [width, colour] of [[4, getComputedStyle(canvas).backgroundColor], [2, ink()]]) {
    pen.beginPath();
    pen.arc(x, y, 9, 0, 2 * Math.PI);
    pen.lineWidth = width;
    pen.strokeStyle = colour;
    pen.stroke();
  }
}

function ink() {
  return getComputedStyle(canvas).color;
}

function visible(sample) {
  return onMap[sample] && !colouring.hidden.has(colouring.bucket[sample]);
}

// Samples by the square of a grid in which they lie, so that a look at a place costs what is there.
function gridOf() {
  const place = (sample) => square(column.y[sample]) * BUCKETS + square(column.x[sample]);
  const starts = new Uint32Array(BUCKETS * BUCKETS + 1);
  for (const sample of samplesWhere((one) => onMap[one])) starts[place(sample) + 1]++;
  for (let bucket = 0; bucket < BUCKETS * BUCKETS; bucket++) starts[bucket + 1] += starts[bucket];
  const next = starts.slice();
  const samples = new Uint32Array(starts.at(-1));
  for (const sample of samplesWhere((one) => onMap[one])) samples[next[place(sample)]++] = sample;
  return { starts, samples };
}

function square(position) {
  return Math.max(0, Math.min(BUCKETS - 1, Math.floor((position * BUCKETS) / (SIDE + 1))));
}

// Visible samples in a rectangle of the screen; at most `most`.
function* within(left, top, right, bottom, most = Infinity) {
  const [lowX, lowY] = toMap(Math.min(left, right), Math.min(top, bottom));
  const [highX, highY] = toMap(Math.max(left, right), Math.max(top, bottom));
  let found = 0;
  for (let row = square(lowY); row <= square(highY); row++) {
    const from = grid.starts[row * BUCKETS + square(lowX)];
    const to = grid.starts[row * BUCKETS + square(highX) + 1];
    for (const sample of grid.samples.subarray(from, to)) {
      const [x, y] = [column.x[sample], column.y[sample]];
      if (x < lowX || x > highX || y < lowY || y > highY || !visible(sample)) continue;
      if (found++ >= most) return;
      yield sample;
    }
  }
}

function nearestTo(x, y, reach = 14) {
  let [best, least] = [-1, reach * reach];
  for (const sample of within(x - reach, y - reach, x + reach, y + reach)) {
    const [atX, atY] = toScreen(sample);
    const away = (atX - x) ** 2 + (atY - y) ** 2;
    if (away < least) [best, least] = [sample, away];
  }
  return best;
}

function zoomTo(zoom, x = view.width / 2, y = view.height / 2) {
  const [mapX, mapY] = toMap(x, y);
  view.zoom = Math.max(1, Math.min(200, zoom));
  view.left = mapX - (x / view.width) * (SIDE / view.zoom);
  view.top = mapY - (y / view.height) * (SIDE / view.zoom);
  keepInside();
}

function moveBy(x, y) {
  view.left -= (x / view.width) * (SIDE / view.zoom);
  view.top -= (y / view.height) * (SIDE / view.zoom);
  keepInside();
}

function keepInside() {
  const most = SIDE - SIDE / view.zoom;
  view.left = Math.max(0, Math.min(most, view.left));
  view.top = Math.max(0, Math.min(most, view.top));
  draw();
}

// Bring a sample into view.
function showOnMap(sample) {
  view.current = sample;
  view.zoom = Math.max(view.zoom, 6);
  view.left = column.x[sample] - SIDE / view.zoom / 2;
  view.top = column.y[sample] - SIDE / view.zoom / 2;
  keepInside();
}
