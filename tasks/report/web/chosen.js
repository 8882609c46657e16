// The chosen samples: their pictures, and the command that tags them.

const chosen = new Set();
const A_PAGE = 60;
const FEW = 40;
const tray = document.getElementById("chosen");
const pictures = document.getElementById("chosen-pictures");
const tagName = document.getElementById("tag-name");
const command = document.getElementById("tag-command");
const place = { shown: 0, title: "" };

// Choose samples; with shift pressed they are added, with alt taken away.
function choose(samples, title, event = {}) {
  if (!event.shiftKey && !event.altKey) chosen.clear();
  for (const sample of samples) chosen[event.altKey ? "delete" : "add"](sample);
  place.title = event.shiftKey || event.altKey ? "" : title;
  showChosen();
}

function toggle(sample) {
  chosen[chosen.has(sample) ? "delete" : "add"](sample);
  place.title = "";
  showChosen();
}

function showChosen() {
  tray.hidden = chosen.size === 0;
  document.getElementById("chosen-title").textContent =
    `${number(chosen.size)} chosen${place.title ? `: ${place.title}` : ""}`;
  pictures.replaceChildren();
  place.shown = 0;
  more();
  tell();
  draw();
  say(`${number(chosen.size)} samples chosen.`);
}

function more() {
  const next = [...chosen].slice(place.shown, place.shown + A_PAGE);
  pictures.append(...next.map((sample) => element("li", {}, linked(sample))));
  place.shown += next.length;
  document.getElementById("chosen-more").hidden = place.shown >= chosen.size;
}

// The command: few ids stand in it, many are read from the file that can be saved.
function tell() {
  const few = chosen.size <= FEW;
  const list = [...chosen].map((sample) => `'${ids[sample]}'`).join(", ");
  const which = few ? `--where "sample_id IN (${list})"` : `--ids ${fileName()}`;
  command.textContent = `winnow tag ${quoted(tagName.value.trim() || "chosen")} ${which} ${facts.root_option}`;
  document.getElementById("ids-needed").hidden = few;
}

function fileName() {
  return `winnow-${(tagName.value.trim() || "chosen").replace(/[^\w.-]+/g, "-")}.txt`;
}

function quoted(word) {
  return /^[\w][\w.-]*$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

async function copy() {
  try {
    await navigator.clipboard.writeText(command.textContent);
    say("Copied.");
  } catch {
    getSelection().selectAllChildren(command);
    say("The command is marked; copy it with the keyboard.");
  }
}

function save() {
  const text = [...chosen].map((sample) => `${ids[sample]}\n`).join("");
  const link = element("a", { href: URL.createObjectURL(new Blob([text], { type: "text/plain" })), download: fileName() });
  link.click();
  URL.revokeObjectURL(link.href);
  say(`${number(chosen.size)} ids are saved as ${fileName()}.`);
}

function startChosen() {
  tagName.addEventListener("input", tell);
  document.getElementById("copy-command").addEventListener("click", copy);
  document.getElementById("save-ids").addEventListener("click", save);
  document.getElementById("chosen-more").addEventListener("click", more);
  document.getElementById("clear-chosen").addEventListener("click", () => {
    chosen.clear();
    showChosen();
    (canvas ?? document.body).focus();
  });
}
