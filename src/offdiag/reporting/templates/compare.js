// Two rows compared: their paired differences, and the items that both answered, with what each made of them.

const MOST_ITEMS = 300;
const comparing = { rows: [], pairs: {}, column: 0, items: [], kind: "all" };
// Of items that are right or wrong, and of those with scores, or of which some draws are right.
const KINDS = {
  all: ["all items", "all items", () => true],
  first: ["only the first right", "the first higher", (item) => item.right[0] > item.right[1]],
  second: ["only the second right", "the second higher", (item) => item.right[1] > item.right[0]],
  both: ["both right", "both the same", (item) => item.right[0] === item.right[1] && item.right[0] > 0],
  neither: ["neither right", "both zero", (item) => item.right[0] === 0 && item.right[1] === 0],
};
const GRADED = ["right", "wrong", "unparsed", "scored"]; // an answer without a verdict is in no difference, and of no kind

const inPoints = (share) => (share === null ? "–" : `${share > 0 ? "+" : ""}${(100 * share).toFixed(1)}`.replace("-", "−"));
const inP = (p) => (p === null ? "–" : p < 0.001 ? "< 0.001" : p.toFixed(3));

async function openComparison() {
  const { rows, columns } = await layoutOf();
  comparing.pairs = await unpacked($("pairs"));
  Object.assign(comparing, { rows, columns });
  for (const id of ["first-row", "second-row"]) {
    if (!$(id).options.length) $(id).append(...rows.map((row, i) => new Option(visible(row.label), i)));
  }
  if (rows.length > 1 && $("first-row").value === $("second-row").value) {
    const alike = (one, other) => one.places.some((at, c) => at.length && other.places[c].length);
    const first = rows.findIndex((one, i) => rows.slice(i + 1).some((other) => alike(one, other)));
    $("first-row").value = Math.max(first, 0);
    $("second-row").value = first < 0 ? 1 : rows.findIndex((row, i) => i > first && alike(rows[first], row));
  }
  $("comparison").showModal();
  $("first-row").focus();
  showDifferences();
}

// The differences of first minus second, from the same functions as the report's tables.
function differencesOf(first, second) {
  const turned = first > second;
  const found = comparing.pairs[turned ? `${second} ${first}` : `${first} ${second}`] ?? [];
  return found.map(([column, n, value, low, high, p, remark, holm]) => {
    const told = { column, n, p, remark, holm };
    return turned ? { ...told, value: 0 - value, low: 0 - high, high: 0 - low } : { ...told, value, low, high };
  });
}

function showDifferences() {
  const [first, second] = [Number($("first-row").value), Number($("second-row").value)];
  const known = new Map(differencesOf(first, second).map((found) => [found.column, found]));
  const places = comparing.rows[first].places;
  const shared = comparing.columns.map((_, c) => c).filter((c) => places[c].length && comparing.rows[second].places[c].length);
  const head = element("tr");
  for (const name of ["asked", "difference, points", "95 %", "p", "p (Holm)", "items"]) {
    const cell = element("th", "", name);
    cell.scope = "col";
    head.append(cell);
  }
  const table = element("table", "plain");
  table.append(element("thead"), element("tbody"));
  table.tHead.append(head);
  for (const column of shared) {
    const found = known.get(column);
    const line = element("tr");
    const choose = element("button", "", visible(comparing.columns[column]));
    choose.type = "button";
    choose.addEventListener("click", () => showItems(column));
    const place = element("td");
    place.append(choose);
    const numbers = found
      ? [inPoints(found.value), `${inPoints(found.low)} to ${inPoints(found.high)}`, inP(found.p), inP(found.holm), found.n]
      : ["not in this page", "", "", "", ""];
    line.append(place, ...numbers.map((text) => element("td", "", text)));
    table.tBodies[0].append(line);
  }
  const nothing = element("p", "empty", first === second ? "Choose two rows." : "These rows were asked nothing in common.");
  const lacking = shared.some((c) => !known.has(c)) && first !== second;
  const where = element("p", "cut", "Differences that this page has no room for: offdiag.load(…).compare(first, second) in Python.");
  const remarks = [...new Set([...known.values()].map((found) => found.remark).filter(Boolean))];
  const below = [...remarks.map((text) => element("p", "cut", `${text}.`)), ...(lacking ? [where] : [])];
  $("differences").replaceChildren(...(first !== second && shared.length ? [table, ...below] : [nothing]));
  if (first !== second && shared.length) showItems(shared.includes(comparing.column) ? comparing.column : shared[0]);
  else Object.assign(comparing, { items: [], asked: null }), listItems();
}

// By example: the records of the draws of both rows.
async function showItems(column) {
  comparing.column = column;
  const mine = (comparing.asked = Symbol(column));
  const items = new Map();
  for (const [side, id] of ["first-row", "second-row"].entries()) {
    for (const cell of comparing.rows[Number($(id).value)].places[column]) {
      const block = $(`records-${cell}`);
      for (const record of block ? await unpack(block) : []) {
        const item = items.get(record.example) ?? { example: record.example, problem: record.problem, target: record.target, sides: [[], []] };
        item.sides[side].push({ cell, record });
        items.set(record.example, item);
      }
    }
  }
  if (mine !== comparing.asked) return; // another column was chosen meanwhile
  const worth = ({ record }) => (record.verdict === "scored" ? Number(record.more.score) : Number(record.verdict === "right"));
  const graded = (side) => side.filter(({ record }) => GRADED.includes(record.verdict));
  const share = (side) => graded(side).map(worth).reduce((sum, value) => sum + value, 0) / graded(side).length; // or NaN
  comparing.items = [...items.values()].filter((item) => item.sides.every((side) => side.length));
  for (const item of comparing.items) {
    item.right = item.sides.map(share);
    item.text = [item.example, item.problem, item.target, ...item.sides.flat().map(({ record }) => record.parsed)].map(worded).join("\n").toLowerCase();
  }
  listItems();
}

function listItems() {
  const needle = $("item-search").value.toLowerCase();
  for (const part of document.querySelectorAll("#comparison .of-items")) part.hidden = !comparing.asked;
  const partly = comparing.items.some((item) => item.right.some((share) => share > 0 && share < 1));
  $("which-items").replaceChildren(
    ...Object.entries(KINDS).map(([kind, [name, ofScores, passes]]) => {
      const button = element("button", "", `${partly ? ofScores : name} `);
      button.append(element("b", "", comparing.items.filter(passes).length));
      button.type = "button";
      button.setAttribute("aria-pressed", String(kind === comparing.kind));
      button.addEventListener("click", () => {
        comparing.kind = kind;
        listItems();
        [...$("which-items").children].find((b) => b.getAttribute("aria-pressed") === "true").focus();
      });
      return button;
    }),
  );
  const shown = comparing.items.filter((item) => KINDS[comparing.kind][2](item) && item.text.includes(needle));
  const table = element("table", "plain");
  const head = element("tr");
  for (const name of ["example", "problem", "target", "first", "second"]) {
    const cell = element("th", "", name);
    cell.scope = "col";
    head.append(cell);
  }
  table.append(element("thead"), element("tbody"));
  table.tHead.append(head);
  for (const item of shown.slice(0, MOST_ITEMS)) {
    const line = element("tr");
    line.append(element("td", "", worded(item.example)), element("td", "", worded(item.problem)), element("td", "", worded(item.target)));
    line.append(...item.sides.map(answersOf));
    table.tBodies[0].append(line);
  }
  const columns = comparing.columns ?? [];
  const most = shown.length > MOST_ITEMS ? `, the first ${MOST_ITEMS} shown` : "";
  $("items-told").textContent = `${shown.length} of ${comparing.items.length} items in this page${most}: ${visible(columns[comparing.column] ?? "")}`;
  $("items").replaceChildren(table);
}

function answersOf(side) {
  const place = element("td");
  for (const { cell, record } of side) {
    const button = element("button", `is-${record.verdict}`);
    button.type = "button";
    const score = record.verdict === "scored" ? ` · ${record.label.replace("score ", "")}` : "";
    button.append(element("span", "verdict", worded(record.parsed) + score), element("span", "unseen", ` ${record.label}`));
    button.addEventListener("click", () => {
      $("comparison").close();
      opener = $("compare");
      openCell(cell, record.number);
    });
    place.append(button, " ");
  }
  return place;
}

if (squares) {
  $("compare").addEventListener("click", openComparison);
  for (const id of ["first-row", "second-row"]) $(id).addEventListener("change", showDifferences);
  $("item-search").addEventListener("input", listItems);
}
