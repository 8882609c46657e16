// Small pictures, cut out of the contact sheets.

const { cell: CELL, across: ACROSS, urls: SHEETS } = facts.sheets;
const A_SHEET = ACROSS * ACROSS;
const rules = new CSSStyleSheet();
SHEETS.forEach((url, sheet) => rules.insertRule(`.sheet-${sheet} { background-image: url("${url}"); }`));
document.adoptedStyleSheets = [...document.adoptedStyleSheets, rules];
const images = new Map();

// Width and height of a sample's picture on its sheet, in pixels.
function sizeOf(sample) {
  const ratio = 2 ** ((column.ratio[sample] - 128) / 16);
  return ratio >= 1
    ? [CELL, Math.max(1, Math.round(CELL / ratio))]
    : [Math.max(1, Math.round(CELL * ratio)), CELL];
}

function corner(sample) {
  const cell = column.cell[sample] % A_SHEET;
  return [(cell % ACROSS) * CELL, Math.floor(cell / ACROSS) * CELL];
}

function thumb(sample, side = CELL) {
  const scale = side / CELL;
  const [width, height] = sizeOf(sample).map((pixels) => pixels * scale);
  const [left, top] = corner(sample).map((pixels) => pixels * scale);
  const picture = element("span", { className: `thumb sheet-${Math.floor(column.cell[sample] / A_SHEET)}` });
  picture.style.width = `${width}px`;
  picture.style.height = `${height}px`;
  picture.style.backgroundSize = `${ACROSS * side}px auto`;
  picture.style.backgroundPosition = `${-left}px ${-top}px`;
  return picture;
}

// A picture that leads to its sample; what became of it is drawn around it, and said.
function linked(sample, side = CELL, words = "") {
  const link = element("a", {
    href: `#sample-${ids[sample]}`,
    className: `linked ${statusOf(sample).replaceAll(" ", "-")}`,
    title: nameOf(sample),
    "aria-label": `${nameOf(sample)}, ${statusOf(sample)}${words ? `, ${words}` : ""}`,
  });
  link.style.width = link.style.height = `${side}px`;
  link.append(thumb(sample, side));
  return link;
}

// Draw a sample's picture on a canvas; asks for its sheet and calls back when that is not loaded yet.
function drawThumb(pen, sample, x, y, side, again) {
  const sheet = Math.floor(column.cell[sample] / A_SHEET);
  if (!images.has(sheet)) {
    const image = new Image();
    image.onload = again;
    image.src = SHEETS[sheet];
    images.set(sheet, image);
  }
  const image = images.get(sheet);
  if (!image.complete || !image.naturalWidth) return;
  const [width, height] = sizeOf(sample);
  const [left, top] = corner(sample);
  const scale = side / CELL;
  pen.drawImage(image, left, top, width, height, x - (width * scale) / 2, y - (height * scale) / 2,
    width * scale, height * scale);
}
