// Sensors by day: values under the pointer, and a table of every sensor for those who read rather than look.

function startDays() {
  const hover = document.getElementById("day-hint");
  for (const spark of document.querySelectorAll("svg[data-sensor]")) {
    const dayAt = (event) => {
      const box = spark.getBoundingClientRect();
      const share = (event.clientX - box.left) / box.width;
      return Math.max(0, Math.min(facts.days.days.length - 1, Math.floor(share * facts.days.days.length)));
    };
    spark.addEventListener("pointermove", (event) => {
      const day = dayAt(event);
      const value = facts.days.sensors[spark.dataset.sensor].values[spark.dataset.measure][day];
      hover.hidden = false;
      hover.textContent = `${facts.days.days[day]}: ${value ?? "nothing"}`;
      hover.style.left = `${Math.min(event.pageX + 12, document.body.clientWidth - hover.offsetWidth - 4)}px`;
      hover.style.top = `${event.pageY + 14}px`;
    });
    spark.addEventListener("pointerleave", () => { hover.hidden = true; });
    spark.addEventListener("click", (event) => {
      chooseDay(facts.days.sensors[spark.dataset.sensor].name, facts.days.days[dayAt(event)]);
    });
  }
  for (const details of document.querySelectorAll("details[data-sensor]")) {
    details.addEventListener("toggle", () => {
      if (details.open && !details.querySelector("table")) details.append(tableOf(facts.days.sensors[details.dataset.sensor]));
    });
  }
}

function tableOf(sensor) {
  const measures = Object.keys(sensor.values);
  const head = element("tr", {}, element("th", { scope: "col" }, "Day"),
    ...measures.map((name) => element("th", { scope: "col", className: "right" }, name)));
  const rows = facts.days.days.map((day, place) => [day, place])
    .filter(([, place]) => measures.some((name) => sensor.values[name][place] !== null))
    .reverse()
    .map(([day, place]) => {
      const link = element("a", { href: `#day-${day}-${encodeURIComponent(sensor.name)}` }, day);
      return element("tr", {}, element("th", { scope: "row" }, link), ...measures.map((name) => {
        const out = sensor.out[name].includes(place);
        const value = String(sensor.values[name][place] ?? "");
        return element("td", { className: out ? "right out" : "right" }, out ? `${value} (unusual)` : value);
      }));
    });
  return element("div", { className: "wide", tabIndex: 0, role: "region", "aria-label": `Days of ${sensor.name}` },
    element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
}
