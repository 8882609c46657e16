// What a hand does on the map: look, drag, circle with a lasso, draw a rectangle; with a mouse, a finger or the keyboard.

const hint = document.getElementById("map-hint");
const hand = { tool: "lasso", from: null, moved: false, anchor: null };

function startMap() {
  if (!canvas) return;
  for (const choice of document.querySelectorAll("input[name=tool]")) {
    choice.addEventListener("change", () => { hand.tool = choice.value; canvas.dataset.tool = choice.value; });
    if (choice.checked) hand.tool = canvas.dataset.tool = choice.value;
  }
  canvas.addEventListener("pointerdown", press);
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", giveUp);
  canvas.addEventListener("pointerleave", () => { hint.hidden = true; });
  canvas.addEventListener("keydown", key);
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== canvas) return;
    event.preventDefault();
    zoomTo(view.zoom * 1.0015 ** -event.deltaY, event.offsetX, event.offsetY);
  }, { passive: false });
  document.getElementById("zoom-in").addEventListener("click", () => zoomTo(view.zoom * 1.6));
  document.getElementById("zoom-out").addEventListener("click", () => zoomTo(view.zoom / 1.6));
  document.getElementById("zoom-all").addEventListener("click", () => zoomTo(1));
  const by = document.getElementById("colour-by");
  by.addEventListener("change", () => { colourBy(by.value); legend(); draw(); });
  new ResizeObserver(draw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  colourBy(by.value);
  legend();
  draw();
}

// The legend: each colour with its count, to hide it or to choose all that have it.
function legend() {
  const list = document.getElementById("legend");
  const shown = [...colouring.buckets.entries()].filter(([, one]) => one.count);
  if (colouring.by === "status") shown.reverse();
  list.replaceChildren(...shown.map(([bucket, one]) => {
    const box = element("input", { type: "checkbox", checked: !colouring.hidden.has(bucket) });
    box.addEventListener("change", () => {
      colouring.hidden[box.checked ? "delete" : "add"](bucket);
      draw();
    });
    const swatch = element("span", { className: "swatch" });
    swatch.style.background = one.colour;
    const all = element("button", { type: "button", className: "plain", "aria-label": `Choose all ${one.name}` }, "choose");
    all.addEventListener("click", () => {
      choose(samplesWhere((sample) => onMap[sample] && colouring.bucket[sample] === bucket), one.name);
    });
    const label = element("label", {}, box, swatch, element("span", { className: "file" }, one.name));
    return element("li", {}, label, element("b", {}, number(one.count)), all);
  }));
}

function press(event) {
  if (event.button) return;
  canvas.focus({ preventScroll: true });
  canvas.setPointerCapture(event.pointerId);
  Object.assign(hand, { from: [event.offsetX, event.offsetY], moved: false });
  view.outline = [];
}

function move(event) {
  const at = [event.offsetX, event.offsetY];
  if (!hand.from) return look(...at);
  if (!hand.moved && Math.hypot(at[0] - hand.from[0], at[1] - hand.from[1]) < 4) return undefined;
  hand.moved = true;
  hint.hidden = true;
  if (hand.tool === "move") {
    moveBy(at[0] - hand.from[0], at[1] - hand.from[1]);
    hand.from = at;
  } else if (hand.tool === "rectangle") view.outline = corners(hand.from, at);
  else view.outline.push(at);
  return draw();
}

function release(event) {
  const { from, moved } = hand;
  const outline = view.outline;
  giveUp();
  if (!from) return;
  if (!moved) {
    const sample = nearestTo(event.offsetX, event.offsetY);
    if (sample >= 0) openCard(sample);
  } else if (outline.length > 2) choose(inside(outline), "in the outline", event);
}

function giveUp() {
  hand.from = null;
  view.outline = [];
  draw();
}

function look(x, y) {
  const sample = nearestTo(x, y);
  hint.hidden = sample < 0;
  if (sample < 0) return;
  hint.replaceChildren(thumb(sample, 120), element("b", { className: "file" }, nameOf(sample)), statusOf(sample));
  const [atX, atY] = toScreen(sample);
  hint.style.left = `${atX > view.width / 2 ? atX - hint.offsetWidth - 14 : atX + 14}px`;
  hint.style.top = `${Math.max(4, Math.min(view.height - hint.offsetHeight - 4, atY - hint.offsetHeight / 2))}px`;
}

function corners([left, top], [right, bottom]) {
  return [[left, top], [right, top], [right, bottom], [left, bottom]];
}

// Visible samples inside a polygon: a ray to the right crosses its sides an odd number of times.
function* inside(polygon) {
  const [xs, ys] = [polygon.map(([x]) => x), polygon.map(([, y]) => y)];
  for (const sample of within(Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys))) {
    const [x, y] = toScreen(sample);
    let odd = false;
    for (let one = 0, before = polygon.length - 1; one < polygon.length; before = one++) {
      if (ys[one] > y !== ys[before] > y &&
        x < ((xs[before] - xs[one]) * (y - ys[one])) / (ys[before] - ys[one]) + xs[one]) odd = !odd;
    }
    if (odd) yield sample;
  }
}

const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function key(event) {
  const { key: pressed } = event;
  if (WAYS[pressed] && event.shiftKey) moveBy(-60 * WAYS[pressed][0], -60 * WAYS[pressed][1]);
  else if (WAYS[pressed]) step(...WAYS[pressed]);
  else if (pressed === "+" || pressed === "=") zoomTo(view.zoom * 1.6);
  else if (pressed === "-") zoomTo(view.zoom / 1.6);
  else if (pressed === "0") zoomTo(1);
  else if (pressed === "Escape") forgetCorner();
  else if (pressed === "Enter" && view.current >= 0) openCard(view.current);
  else if (pressed === " " && view.current >= 0) toggle(view.current);
  else if (pressed === "r" && view.current >= 0) corner2();
  else return;
  event.preventDefault();
}

// From the current sample to the nearest one that way.
function step(right, down) {
  const from = view.current >= 0 ? toScreen(view.current) : [view.width / 2, view.height / 2];
  let [best, least] = [-1, Infinity];
  for (const sample of colouring.order.samples) {
    if (sample === view.current || !visible(sample)) continue;
    const [x, y] = toScreen(sample);
    const along = (x - from[0]) * right + (y - from[1]) * down;
    const aside = Math.abs((x - from[0]) * down) + Math.abs((y - from[1]) * right);
    if (along <= 0.01 || aside > along * 1.2) continue;
    if (along + aside < least) [best, least] = [sample, along + aside];
  }
  if (best < 0) return say("Nothing more that way.");
  view.current = best;
  const [x, y] = toScreen(best);
  if (x < 0 || y < 0 || x > view.width || y > view.height) showOnMap(best);
  if (hand.anchor !== null) view.outline = corners(toScreen(hand.anchor), toScreen(best));
  look(...toScreen(best));
  draw();
  return say(`${nameOf(best)}, ${statusOf(best)}`);
}

function corner2() {
  if (hand.anchor === null) {
    hand.anchor = view.current;
    say("First corner. Go to the opposite one and press R again.");
    return;
  }
  const outline = corners(toScreen(hand.anchor), toScreen(view.current));
  forgetCorner();
  const [[left, top], , [right, bottom]] = outline;
  choose(within(left - 0.5 * Math.sign(right - left), top, right, bottom), "in the rectangle");
}

function forgetCorner() {
  hand.anchor = null;
  giveUp();
  hint.hidden = true;
}
