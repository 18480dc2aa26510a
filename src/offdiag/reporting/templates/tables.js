// Tables: sorted by a column, filtered by words and comparisons, and given away as CSV that no spreadsheet obeys.

const MOST_SHOWN = 200; // rows of a filtered table in the page; the CSV has all
const COMPARISON = /^(.+?)(>=|<=|!=|=|>|<)(.*)$/;

// A value as Python's number() words it: whole numbers whole, others to four significant digits.
function wordedNumber(value) {
  if (typeof value !== "number" || Number.isInteger(value)) return worded(value).replace(/^-(?=\d)/, typeof value === "number" ? "−" : "-");
  const size = Math.floor(Math.log10(Math.abs(value)));
  const text = size < -4 || size >= 4 ? value.toExponential(3).replace(/\.?0+e/, "e").replace(/e([+-])(\d)$/, "e$10$2") : String(Number(value.toPrecision(4)));
  return text.replaceAll("-", "−");
}

// A row passes if it has every word somewhere, and fits every comparison such as accuracy>0.5 or method=lora.
function filterOf(text, columns) {
  const tests = text.split(/\s+/).filter(Boolean).map((word) => {
    const [, name, sign, wanted] = COMPARISON.exec(word) ?? [];
    const column = columns.indexOf(name);
    if (column < 0) return (row) => row.some((value) => String(value ?? "").toLowerCase().includes(word.toLowerCase()));
    return (row) => compares(row[column], sign, wanted);
  });
  return (row) => tests.every((test) => test(row));
}

function compares(value, sign, wanted) {
  if (value === null) return sign === "!=";
  const numeric = typeof value === "number" && wanted !== "" && !Number.isNaN(Number(wanted));
  const [a, b] = numeric ? [value, Number(wanted)] : [String(value).toLowerCase(), wanted.toLowerCase()];
  return { "=": a === b, "!=": a !== b, ">": a > b, "<": a < b, ">=": a >= b, "<=": a <= b }[sign];
}

// Numbers before texts, and what is missing last, in both directions.
function ordered(rows, column, direction) {
  const rank = (value) => (value === null ? 2 : typeof value === "number" ? 0 : 1);
  return [...rows].sort((one, other) => {
    const [a, b] = [one[column], other[column]];
    if (rank(a) !== rank(b)) return rank(a) - rank(b);
    return direction * (rank(a) === 1 ? String(a).localeCompare(String(b), "en", { numeric: true }) : a - b);
  });
}

// The same rule as in tables.py: an apostrophe before what a spreadsheet would take for a formula.
function defused(value) {
  if (value === null) return "";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "string") return String(value);
  const number = /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(value.trim());
  const harmless = !/^[=+@\-\t\r]/.test(value) || (/^[-\t\r]/.test(value) && number);
  const text = value.replace(/\r\n?/g, "\n");
  return harmless ? text : `'${text}`;
}

function csv(columns, rows) {
  const field = (value) => {
    const text = defused(value).replace(/[\ud800-\udfff]/gu, (c) => `\\u${c.charCodeAt(0).toString(16)}`);
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns, ...rows].map((row) => row.map(field).join(",") + "\n").join("");
}

function save(name, blob) {
  const link = element("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function liven(table) {
  const block = $(`rows-${table.dataset.table}`);
  const tools = table.closest(".wide").previousElementSibling;
  const [input, button, told] = tools.querySelectorAll("input, button, output");
  const sorting = { column: -1, direction: 1 };
  let data;
  const load = async () => (data ??= await unpacked(block));
  const chosen = async () => {
    const { columns, rows } = await load();
    const found = rows.filter(filterOf(input.value, columns));
    return sorting.column < 0 ? found : ordered(found, sorting.column, sorting.direction);
  };

  async function draw() {
    const found = await chosen();
    const { held, total } = block.dataset;
    table.tBodies[0].replaceChildren(
      ...found.slice(0, MOST_SHOWN).map((row) => {
        const line = element("tr");
        line.append(...row.map((value) => element("td", "", wordedNumber(value))));
        return line;
      }),
    );
    const shown = found.length > MOST_SHOWN ? `, the first ${MOST_SHOWN} shown` : "";
    const rest = held === total ? "" : ` (${total} in the file)`;
    told.textContent = `${found.length} of ${held} rows${rest}${shown}`;
  }

  for (const [i, head] of [...table.tHead.rows[0].cells].entries()) {
    const sort = element("button", "sort", head.textContent);
    sort.type = "button";
    sort.addEventListener("click", () => {
      sorting.direction = sorting.column === i ? -sorting.direction : 1;
      sorting.column = i;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", sorting.direction > 0 ? "ascending" : "descending");
      draw();
    });
    head.replaceChildren(sort);
  }
  input.addEventListener("input", draw);
  button.addEventListener("click", async () => {
    const { columns } = await load();
    save(`${block.dataset.name}.csv`, new Blob([csv(columns, await chosen())], { type: "text/csv" }));
  });
  tools.hidden = false;
}

for (const table of document.querySelectorAll("table[data-table]")) liven(table);
