"use strict";
// Reads the records of one cell at a time. Whatever comes from the results enters the page as text, never as markup.

const $ = (id) => document.getElementById(id);
const reader = $("reader");
let opener = null; // what the reader was opened from, to which the focus goes back
const state = { cell: null, records: [], shown: [], at: 0, filter: "all" };

// The same characters as in wording.py: controls, invisible and direction-changing ones, tags, lone surrogates.
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{d800}-\u{dfff}\u{e0000}-\u{e007f}]/gu;
const visible = (text) =>
  text.replace(HIDDEN, (c) => `⟨U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);

function worded(value) {
  if (value === null || value === undefined) return "–";
  if (Array.isArray(value)) return value.length ? value.map(worded).join(", ") : "–";
  return visible(String(value));
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// Appends text with each occurrence of the search term in a <mark>.
function write(parent, text) {
  const needle = $("search").value.toLowerCase();
  const lower = text.toLowerCase();
  let from = 0;
  for (let at; needle && lower.length === text.length && (at = lower.indexOf(needle, from)) >= 0; ) {
    parent.append(text.slice(from, at), element("mark", "", text.slice(at, at + needle.length)));
    from = at + needle.length;
  }
  parent.append(text.slice(from));
  return parent;
}

async function unpacked(block) {
  const bytes = Uint8Array.from(atob(block.textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

let cells; // what each cell is, unpacked when the first is opened
const allCells = async () => (cells ??= await unpacked($("cells")));
const cellAt = async (index) => (await allCells())[index];

async function unpack(block) {
  const records = await unpacked(block);
  for (const [i, record] of records.entries()) {
    record.number = i + 1;
    const { verdict, label, status, correct, number, more, ...texts } = record;
    record.said = [...Object.values(texts), ...Object.values(more)].map(worded).join("\n");
    record.text = record.said.toLowerCase(); // what is searched: no verdicts, which have filters
  }
  return records;
}

// What is known of a cell: its state and result in one line, why it has none, and all facts.
function about(told, hasRecords) {
  const headline = element("p", "headline");
  headline.append(element("span", `badge is-${told.state}`, told.word));
  if (told.taught) headline.append(" ", element("span", "badge taught", "taught"));
  if (told.result) headline.append(" ", element("b", "", told.result));
  headline.append(" ", visible(told.told.slice(0, 2).join(told.result ? " · " : " ")));
  for (const more of told.told.slice(2)) headline.append(" · ", visible(more));
  const facts = element("dl", "facts");
  for (const [name, value] of told.facts) facts.append(pair(visible(name), value));
  const details = element("details");
  details.append(element("summary", "", "What this cell is"), facts);
  const parts = [headline, details];
  if (told.reason) parts.splice(1, 0, element("p", "why", visible(told.reason)));
  if (!hasRecords) parts.push(element("p", "empty", `No records yet: ${told.word}.`));
  return parts;
}

// Opens one of several cells that share a square, and lets the reader change to another.
async function openAmong(indices) {
  const known = await allCells();
  const chosen = indices.find((i) => $(`records-${i}`)) ?? indices[0];
  const select = $("among").querySelector("select");
  select.replaceChildren(...indices.map((i) => new Option(visible(known[i].name), i, false, i === chosen)));
  await openCell(chosen);
  $("among").hidden = false;
}

async function openCell(cell, number = 1) {
  $("among").hidden = true;
  const told = await cellAt(cell);
  if (!told) return;
  const block = $(`records-${cell}`);
  Object.assign(state, { cell, records: [], shown: [], at: 0, filter: "all" });
  $("reader-title").textContent = visible(told.name);
  $("search").value = ""; // before anything is written, which marks what is searched for
  $("about").replaceChildren(...about(told, Boolean(block)));
  $("browse").hidden = !block;
  if (!reader.open) reader.showModal();
  reader.scrollTop = 0;
  $("reader-title").focus();
  if (!block) return remember();
  const { held, total } = block.dataset;
  $("held").textContent = held === total ? "" : `First ${held} of ${total} records; the rest is in the store.`;
  $("record").replaceChildren(element("p", "empty", "Unpacking the records …"));
  let records;
  try {
    records = await unpack(block);
  } catch (error) {
    $("record").replaceChildren(element("p", "why", `These records could not be unpacked: ${error}`));
    return;
  }
  if (state.cell !== cell) return; // another cell was opened meanwhile
  state.records = records;
  for (const button of reader.querySelectorAll("[data-filter]")) {
    const kind = button.dataset.filter;
    const count = records.filter((r) => kind === "all" || r.verdict === kind).length;
    button.querySelector("b").textContent = count;
    button.hidden = kind === "scored" && !count;
  }
  select("all", number);
}

// Shows the records that pass the filter and the search, and stays at the record with this number if it is there.
function select(filter, number) {
  state.filter = filter;
  for (const button of reader.querySelectorAll("[data-filter]")) {
    button.setAttribute("aria-pressed", String(button.dataset.filter === filter));
  }
  const needle = $("search").value.toLowerCase();
  state.shown = state.records.filter((r) => (filter === "all" || r.verdict === filter) && r.text.includes(needle));
  $("list").replaceChildren(...state.shown.map(entry));
  go(Math.max(0, state.shown.findIndex((record) => record.number === number)));
}

function entry(record, i) {
  const button = element("button", `is-${record.verdict}`);
  button.type = "button";
  button.append(element("span", "number", record.number), element("bdi", "problem", worded(record.problem)));
  button.append(element("span", "verdict", record.label));
  button.addEventListener("click", () => go(i));
  const item = element("li");
  item.append(button);
  return item;
}

function go(at) {
  const count = state.shown.length;
  state.at = Math.min(Math.max(at, 0), Math.max(count - 1, 0));
  $("previous").disabled = state.at === 0;
  $("next").disabled = state.at >= count - 1;
  $("where").textContent = count ? `${state.at + 1} of ${count}` : "none";
  const buttons = [...$("list").querySelectorAll("button")];
  for (const [i, button] of buttons.entries()) button.setAttribute("aria-current", String(i === state.at));
  if (count) {
    const list = $("list");
    const item = buttons[state.at];
    list.scrollTop = item.offsetTop - list.offsetTop - list.clientHeight / 2;
    list.scrollLeft = item.offsetLeft - list.offsetLeft - list.clientWidth / 2;
  }
  $("record").replaceChildren(...(count ? page(state.shown[state.at]) : [element("p", "empty", "No record matches.")]));
  remember();
}

function page(record) {
  const head = element("p", `verdict is-${record.verdict}`);
  head.append(element("b", "", record.label), ` · record ${record.number} · `);
  head.append(write(element("bdi"), worded(record.example)));
  for (const flag of record.flags ?? []) head.append(" ", write(element("span", "flag"), worded(flag)));
  const answers = element("dl", "answers");
  for (const [name, value] of [["problem", record.problem], ["target", record.target], ["parsed", record.parsed]]) {
    answers.append(pair(name, value));
  }
  const more = element("dl", "facts");
  for (const [name, value] of Object.entries(record.more)) more.append(pair(visible(name), value));
  return [head, answers, passage("completion", record.completion), passage("prompt", record.prompt), more];
}

function pair(name, value) {
  const box = element("div");
  const text = write(element("bdi"), worded(value));
  const detail = element("dd");
  detail.append(text);
  box.append(element("dt", "", name), detail);
  return box;
}

function passage(name, value) {
  const box = element("section", "passage");
  const text = write(element("pre", name), value === "" ? "(empty)" : worded(value));
  text.dir = "auto";
  text.tabIndex = 0;
  text.setAttribute("aria-label", name);
  box.append(element("h3", "", name), text);
  return box;
}

// The address names the open record, so that it can be sent to somebody: #cell=3&record=17
function remember() {
  const record = state.shown[state.at];
  history.replaceState(null, "", `#cell=${state.cell}${record ? `&record=${record.number}` : ""}`);
}

function follow() {
  const asked = /^#cell=(\d+)(?:&record=(\d+))?$/.exec(location.hash);
  if (asked) openCell(asked[1], Number(asked[2] ?? 1));
}

document.addEventListener("click", (event) => {
  const square = event.target.closest("[data-cell], [data-cells]");
  const filter = event.target.closest("[data-filter]");
  if (square) {
    opener = square;
    if (square.dataset.cell) openCell(square.dataset.cell);
    else openAmong(square.dataset.cells.split(" "));
  }
  else if (filter) select(filter.dataset.filter, state.shown[state.at]?.number);
  else if (event.target === reader) reader.close(); // the backdrop
});

reader.addEventListener("keydown", (event) => {
  const typing = event.target === $("search");
  const listed = $("list").contains(event.target);
  if (event.altKey || event.ctrlKey || event.metaKey || $("browse").hidden) return;
  const step = { ArrowLeft: -1, ArrowRight: 1, ...(listed ? { ArrowUp: -1, ArrowDown: 1 } : {}) }[event.key];
  if (step && !typing) {
    event.preventDefault();
    go(state.at + step);
    if (listed) $("list").querySelector("[aria-current=true]")?.focus();
  } else if (event.key === "/" && !typing) {
    event.preventDefault();
    $("search").focus();
  }
});

reader.addEventListener("close", () => {
  (opener ?? document.querySelector(`[data-cell="${state.cell}"]`))?.focus();
  opener = null;
  state.cell = null;
  history.replaceState(null, "", "#matrix");
});

$("among").addEventListener("change", (event) => openCell(event.target.value).then(() => ($("among").hidden = false)));
$("close").addEventListener("click", () => reader.close());
$("previous").addEventListener("click", () => go(state.at - 1));
$("next").addEventListener("click", () => go(state.at + 1));
$("search").addEventListener("input", () => select(state.filter, state.shown[state.at]?.number));
addEventListener("hashchange", follow);
addEventListener("beforeprint", () => document.querySelectorAll("main details").forEach((d) => (d.open = true)));
follow();
