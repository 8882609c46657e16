// Videos as strips of their frames in the order of time, drawn when they come near the screen.

function framesOf(video) {
  return [...samplesWhere((sample) => column.video[sample] === video)]
    .sort((one, other) => column.frame[one] - column.frame[other]);
}

function startVideos() {
  const frames = new Map();
  for (const sample of samplesWhere((one) => column.video[one] >= 0)) {
    const video = facts.names.video[column.video[sample]];
    if (!frames.get(video)?.push(sample)) frames.set(video, [sample]);
  }
  const near = new IntersectionObserver((entries) => {
    for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
      near.unobserve(target);
      fill(target, frames.get(facts.videos[Number(target.dataset.video)]) ?? []);
    }
  }, { rootMargin: "400px" });
  for (const strip of document.querySelectorAll("[data-video]")) near.observe(strip);
}

function fill(strip, samples) {
  samples.sort((one, other) => column.frame[one] - column.frame[other]);
  const shown = samples.slice(0, 120);
  strip.replaceChildren(...shown.map((sample) => {
    const time = element("span", { className: "time" }, clock(column.frame[sample]));
    return element("span", { className: "frame" }, linked(sample, 72), time);
  }));
  const all = element("button", { type: "button" }, samples.length > shown.length ? `all ${number(samples.length)}` : "choose all");
  all.addEventListener("click", () => chooseAndShow(samples, strip.dataset.name));
  if (samples.length) strip.append(all);
}
