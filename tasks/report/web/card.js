// One sample: its picture and everything that leads on from it. Opened by the address #sample-ID.

const card = document.getElementById("card");
const numberOf = new Map(ids.map((id, sample) => [id, sample]));
const repeatedBy = new Map();
column.repeats.forEach((kept, sample) => {
  if (kept >= 0 && !repeatedBy.get(kept)?.push(sample)) repeatedBy.set(kept, [sample]);
});

function openCard(sample) {
  history.replaceState(null, "", `#sample-${ids[sample]}`);
  const kept = column.repeats[sample] >= 0 ? column.repeats[sample] : sample;
  const group = [kept, ...(repeatedBy.get(kept) ?? [])];
  const others = group.length > 1 ? group.slice(0, 40) : [];
  document.getElementById("card-name").textContent = nameOf(sample);
  document.getElementById("card-body").replaceChildren(
    thumb(sample, 192),
    element("dl", {}, ...rowsOf(sample)),
    element("div", { className: "row" }, ...linksOf(sample)),
    ...(others.length
      ? [element("h3", {}, `Its duplicate group: ${number(group.length)} samples`),
        element("div", { className: "strip" }, ...others.map((one) => linked(one, 72, one === kept ? "kept" : "")))]
      : []),
  );
  if (!card.open) card.showModal();
  say("");
}

function rowsOf(sample) {
  const rows = [["file", originalOf(sample)], ["status", statusOf(sample)], ["sensor", named("sensor", sample)],
    ["taken", new Date(column.seconds[sample] * 1000).toISOString().slice(0, 19).replace("T", " ") + " UTC"]];
  if (named("selection", sample)) rows.push(["selection", `${named("selection", sample)}, rank ${column.rank[sample]}`]);
  for (const name of Object.keys(facts.scales)) rows.push([name, qualityOf(name, sample).toPrecision(3)]);
  rows.push(["id", ids[sample]]);
  return rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]);
}

function originalOf(sample) {
  const uri = uris[sample];
  const words = readable(uri.replace(/^file:\/\//, ""), 1000);
  return /^file:\/\//.test(uri) ? element("a", { href: uri, target: "_blank", rel: "noopener" }, words) : words;
}

function linksOf(sample) {
  const links = [];
  const link = (words, act) => {
    const made = element("button", { type: "button" }, words);
    made.addEventListener("click", () => { card.close(); act(); });
    links.push(made);
  };
  if (onMap[sample]) link("on the map", () => { showOnMap(sample); canvas.scrollIntoView({ block: "center" }); canvas.focus(); });
  const [sensor, day] = [column.sensor[sample], column.day[sample]];
  link(`${facts.names.sensor[sensor]} on ${facts.names.day[day]}`, () => chooseDay(facts.names.sensor[sensor], facts.names.day[day]));
  const video = column.video[sample];
  if (video >= 0) {
    link("its video", () => chooseAndShow(framesOf(video), readable(facts.names.video[video])));
  }
  link(chosen.has(sample) ? "take out of the chosen" : "add to the chosen", () => toggle(sample));
  return links;
}

function chooseAndShow(samples, title) {
  choose(samples, title);
  tray.scrollIntoView({ block: "nearest" });
  document.getElementById("chosen-title").focus();
}

function chooseDay(sensor, day) {
  const [sensorNumber, dayNumber] = [facts.names.sensor.indexOf(sensor), facts.names.day.indexOf(day)];
  chooseAndShow(
    samplesWhere((one) => column.sensor[one] === sensorNumber && column.day[one] === dayNumber),
    `${sensor}, ${day}`,
  );
}

function followAddress() {
  const [, kind, rest] = location.hash.match(/^#(sample|day)-(.+)$/) ?? [];
  if (kind === "sample" && numberOf.has(rest)) openCard(numberOf.get(rest));
  if (kind === "day") chooseDay(decodeURIComponent(rest.slice(11)), rest.slice(0, 10));
}

function startCard() {
  document.getElementById("card-close").addEventListener("click", () => card.close());
  card.addEventListener("click", (event) => { if (event.target === card) card.close(); });
  card.addEventListener("close", () => {
    if (location.hash.startsWith("#sample-")) history.replaceState(null, "", location.pathname + location.search);
  });
  addEventListener("hashchange", followAddress);
  followAddress();
}
