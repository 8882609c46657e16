// The colours of the map: by a category or along a scale, with a legend that is also the map's table.

const CATEGORIES = ["#4c78a8", "#e0862f", "#54a24b", "#b279a2", "#d1495b", "#2a9d8f", "#9c755f", "#c9a227", "#6f6bb8",
  "#ef7fa4"];
const OTHER = "#98a0a8";
const BY_STATUS = { kept: "#7d8fa3", selected: "#2f9e6b", labelled: "#3b6fd4", outlier: "#d8522f",
  duplicate: "#c3a15a", "not compared yet": "#9a79c7" };
const RAMP = ["#3b3f8f", "#37599f", "#2f73a3", "#298ba0", "#2ba298", "#4db788", "#82c873", "#bcd35f", "#e8c84f"];

const onMap = Uint8Array.from({ length: facts.count }, (_, sample) => (column.x[sample] === NOWHERE ? 0 : 1));

// How samples are coloured: `bucket` by sample, and for each bucket its name and colour.
const colouring = { by: "status", bucket: new Uint8Array(facts.count), buckets: [], hidden: new Set() };

function colourBy(by) {
  colouring.by = by;
  colouring.hidden.clear();
  if (by === "status") {
    colouring.bucket = column.status;
    colouring.buckets = facts.statuses.map((name) => ({ name, colour: BY_STATUS[name] }));
  } else if (by === "sensor" || by === "selection") byName(by);
  else byScale(by === "day" ? column.day : column[by], by === "day" ? facts.names.day.length - 1 : 255);
  for (const bucket of colouring.buckets) bucket.count = 0;
  for (const sample of samplesWhere((one) => onMap[one])) colouring.buckets[colouring.bucket[sample]].count++;
  colouring.order = ordered();
}

function byName(kind) {
  const names = facts.names[kind];
  const counts = new Uint32Array(names.length);
  for (const value of column[kind]) if (value >= 0) counts[value]++;
  const frequent = [...names.keys()].sort((one, other) => counts[other] - counts[one]).slice(0, CATEGORIES.length);
  const place = new Int32Array(names.length).fill(frequent.length);
  frequent.forEach((value, rank) => { place[value] = rank; });
  colouring.bucket = Uint8Array.from(column[kind], (value) => (value < 0 ? frequent.length : place[value]));
  colouring.buckets = frequent.map((value, rank) => ({ name: names[value], colour: CATEGORIES[rank] }));
  colouring.buckets.push({ name: kind === "selection" ? "in no selection" : "others", colour: OTHER });
}

function byScale(values, highest) {
  const steps = RAMP.length;
  const step = (value) => Math.min(steps - 1, Math.floor((Math.max(0, value) * steps) / (highest + 1)));
  colouring.bucket = Uint8Array.from(values, step);
  colouring.buckets = RAMP.map((colour, place) => ({ name: rangeOf(place / steps, (place + 1) / steps), colour }));
}

function rangeOf(low, high) {
  if (colouring.by === "day") {
    const days = facts.names.day;
    const first = days[Math.ceil(low * days.length)];
    const last = days[Math.ceil(high * days.length) - 1];
    return first && last && first <= last ? (first === last ? first : `${first} to ${last}`) : "";
  }
  const [lowest, highest] = facts.scales[colouring.by];
  return [low, high].map((share) => (lowest + (highest - lowest) * share).toPrecision(2)).join(" to ");
}

// Samples on the map by bucket: what matters more, or the rarer, comes last and lies on top.
function ordered() {
  const rank = [...colouring.buckets.keys()];
  if (colouring.by !== "status") {
    rank.sort((one, other) => colouring.buckets[other].count - colouring.buckets[one].count);
  }
  const starts = new Uint32Array(colouring.buckets.length + 1);
  rank.forEach((bucket, place) => { starts[place + 1] = starts[place] + colouring.buckets[bucket].count; });
  const next = new Uint32Array(colouring.buckets.length);
  rank.forEach((bucket, place) => { next[bucket] = starts[place]; });
  const samples = new Uint32Array(starts.at(-1));
  for (const sample of samplesWhere((one) => onMap[one])) samples[next[colouring.bucket[sample]]++] = sample;
  return { rank, starts, samples };
}
