// What the page knows: columns of numbers by sample, ids and URIs, all unpacked from blocks inside the page.

const facts = JSON.parse(document.getElementById("facts").textContent);
const ARRAYS = {
  float64: Float64Array, float32: Float32Array, int32: Int32Array, uint32: Uint32Array, uint16: Uint16Array,
  uint8: Uint8Array,
};
const NOWHERE = 65535;
const SIDE = 65000;

const column = {};
const block = await unpacked("columns");
for (const { name, type, offset } of facts.columns) column[name] = new ARRAYS[type](block, offset, facts.count);

const ids = await lines("ids");
const uris = await lines("uris");

async function unpacked(element) {
  const letters = atob(document.getElementById(element).textContent);
  const bytes = new Uint8Array(letters.length);
  for (let place = 0; place < letters.length; place++) bytes[place] = letters.charCodeAt(place);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

async function lines(element) {
  const text = new TextDecoder().decode(await unpacked(element));
  return facts.count ? text.split("\n") : [];
}

// The last parts of a URI's path, as people read them; a name that is no UTF-8 stays encoded.
function readable(uri, parts = 2) {
  const path = uri.split("/").slice(-parts).join("/");
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function nameOf(sample) {
  const time = column.frame[sample] >= 0 ? `, ${clock(column.frame[sample])}` : "";
  return readable(uris[sample]) + time;
}

function statusOf(sample) {
  return facts.statuses[column.status[sample]];
}

function named(kind, sample) {
  const number = column[kind][sample];
  return number < 0 ? null : facts.names[kind][number];
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 60) % 60, whole % 60].map((part) => String(part).padStart(2, "0"));
  const hours = Math.floor(whole / 3600);
  return (hours ? `${hours}:` : "") + parts.join(":") + (seconds % 1 ? (seconds % 1).toFixed(2).slice(1) : "");
}

function qualityOf(name, sample) {
  const [low, high] = facts.scales[name];
  return low + ((high - low) * column[name][sample]) / 255;
}

function* samplesWhere(holds) {
  for (let sample = 0; sample < facts.count; sample++) if (holds(sample)) yield sample;
}

// An element with properties and children; texts become text, never markup.
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

function say(words) {
  document.getElementById("said").textContent = words;
}

const number = (value) => value.toLocaleString("en");
