// Searches the records of all cells, one cell after the other, and opens what is found.

const MOST_FOUND = 200;
const AROUND = 60; // characters on each side of what was found
let searching = 0; // the number of the latest search; older ones stop

async function find() {
  const mine = ++searching;
  const needle = $("find-words").value.toLowerCase();
  const verdict = $("find-verdict").value;
  $("found").replaceChildren();
  if (!needle && !verdict) return void ($("find-told").textContent = "");
  const blocks = document.querySelectorAll("script[id^='records-']");
  const known = await allCells();
  let found = 0;
  for (const [i, block] of blocks.entries()) {
    const index = block.id.slice("records-".length);
    for (const record of await unpack(block)) {
      if (mine !== searching) return;
      if ((verdict && record.verdict !== verdict) || !record.text.includes(needle)) continue;
      if (++found <= MOST_FOUND) $("found").append(hit(index, known[index].name, record, needle));
    }
    $("find-told").textContent =
      found > MOST_FOUND ? `More than ${MOST_FOUND} records: say more` : `${found} records in ${i + 1} of ${blocks.length} cells`;
    if (found > MOST_FOUND) return;
  }
}

function hit(index, name, record, needle) {
  const button = element("button", `is-${record.verdict}`);
  button.type = "button";
  const at = record.text.indexOf(needle);
  const said = record.said.length === record.text.length ? record.said : record.text;
  const excerpt = said.slice(Math.max(0, at - AROUND), at + needle.length + AROUND);
  button.append(`${visible(name)} · record ${record.number} · `, element("span", "verdict", record.label));
  button.append(element("small", "", visible(excerpt).replace(/\s+/g, " ")));
  button.addEventListener("click", () => {
    $("finder").close();
    opener = $("find");
    openCell(index, record.number);
  });
  const item = element("li");
  item.append(button);
  return item;
}

if (squares) {
  $("find").addEventListener("click", () => {
    $("finder").showModal();
    $("find-words").focus();
  });
  let waiting;
  $("find-words").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(find, 200);
  });
  $("find-verdict").addEventListener("change", find);
  $("finder").addEventListener("close", () => searching++);
}
for (const button of document.querySelectorAll("dialog .close")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
