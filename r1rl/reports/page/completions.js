// The table of completions: filters, sorting by column, and rows that open.
const rows = data.runs.flatMap((run) => run.samples.map((sample) => ({ ...sample, run: run.name })));
const outcome = (row) => (row.check ? row.check[3] : "none");
const COLUMNS = [
  ...(several ? [["run", (row) => row.run]] : []),
  ["step", (row) => row.step], ["split", (row) => row.split], ["problem", (row) => row.id],
  ["answer", (row) => row.extracted ?? ""], ["gold", (row) => row.answer], ["verdict", (row) => (row.right ? "correct" : "wrong")],
  ["tokens", (row) => row.tokens], ["check", (row) => outcome(row)],
];
const PAGE = 50;
let order = null; // [column, 1 or -1]
let shown = PAGE;

function fillFilters() {
  const options = (id, values) => byId(id).append(element("option", { value: "" }, "all"), ...values.map((v) => element("option", {}, v)));
  options("f-run", data.runs.map((run) => run.name));
  byId("f-run").parentElement.hidden = !several;
  options("f-check", ["any", ...data.outcomes, "none"]);
  const levels = [...new Set(rows.map((row) => row.level).filter((level) => level !== null))].sort((a, b) => a - b);
  options("f-level", levels);
  byId("f-level").parentElement.hidden = levels.length === 0;
  byId("filters").addEventListener("input", (event) => {
    if (event.target.id === "f-colour") return showColours(); // opened rows stay open
    shown = PAGE;
    showRows();
  });
  byId("filters").addEventListener("reset", () => setTimeout(() => { shown = PAGE; showRows(); showColours(); }));
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("more").addEventListener("click", () => { shown += PAGE; showRows(); });
  byId("rule").append(`Shown here: ${data.rule}`);
}

function filtered() {
  const value = (id) => byId(id).value;
  const text = value("f-text").toLowerCase();
  const check = value("f-check");
  return rows.filter((row) =>
    (!text || row.text.toLowerCase().includes(text) || row.question.toLowerCase().includes(text) || row.id.toLowerCase().includes(text))
    && (!value("f-run") || row.run === value("f-run"))
    && (!value("f-split") || row.split === value("f-split"))
    && (!value("f-right") || row.right === (value("f-right") === "correct"))
    && (!check || (check === "any" ? row.check !== undefined : outcome(row) === check))
    && (!value("f-level") || row.level === Number(value("f-level")))
    && (!value("f-from") || row.step >= Number(value("f-from")))
    && (!value("f-to") || row.step <= Number(value("f-to")))
    && (!byId("f-why").checked || row.why !== undefined));
}

function sorted(list) {
  if (order === null) return list;
  const [column, direction] = order;
  const key = COLUMNS[column][1];
  const compare = (a, b) => (typeof a === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true }));
  return [...list].sort((a, b) => direction * compare(key(a), key(b)));
}

function showTableHead() {
  const heads = COLUMNS.map(([name], i) => {
    const button = element("button", { type: "button" }, name);
    button.addEventListener("click", () => { order = [i, order && order[0] === i ? -order[1] : 1]; showTableHead(); showRows(); });
    const direction = order && order[0] === i ? (order[1] > 0 ? "ascending" : "descending") : "none";
    if (direction !== "none") button.append(direction === "ascending" ? " ↑" : " ↓");
    return element("th", { "aria-sort": direction, scope: "col" }, button);
  });
  const focused = byId("table").tHead.contains(document.activeElement) ? order[0] : -1;
  byId("table").tHead.replaceChildren(element("tr", {}, ...heads, element("th", { scope: "col" }, "text")));
  if (focused >= 0) byId("table").tHead.querySelectorAll("button")[focused].focus();
}

function showRows() {
  const list = sorted(filtered());
  byId("count").textContent = `${list.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} completions on this page`;
  byId("table").tBodies[0].replaceChildren(...list.slice(0, shown).map(tableRow));
  byId("more").hidden = list.length <= shown;
}

function tableRow(row) {
  const cells = COLUMNS.map(([name, key]) => element("td", {
    ...(["answer", "gold", "tokens", "step"].includes(name) ? { "data-name": name } : {}),
    ...(name === "verdict" ? { class: row.right ? "right" : "wrong" } : {}),
  }, name === "verdict" ? (row.right ? "✓ correct" : "✗ wrong") : name === "check" && !row.check ? "" : key(row)));
  const start = row.text.slice(0, 110).replace(/\s+/g, " ") + (row.text.length > 110 ? "…" : "");
  const words = (row.why ? `★ ${row.why}: ` : "") + start;
  const button = element("button", { type: "button", class: "open", "aria-expanded": "false", "data-key": `${row.run} ${row.place}` }, words);
  const made = element("tr", { class: "row" }, ...cells, element("td", { class: "begin" }, button));
  made.addEventListener("click", () => toggle(made, button, row));
  return made;
}

function toggle(made, button, row) {
  if (button.getAttribute("aria-expanded") === "true") {
    made.nextSibling.remove();
    button.setAttribute("aria-expanded", "false");
    return;
  }
  const full = element("td", { colspan: COLUMNS.length + 1, class: "full" },
    element("div", { class: "asked text" }, row.question), textOf(row),
    element("p", { class: "note" }, `${row.place} · ${row.finish}` + (row.check ? ` · ${row.check[2]} check: ${row.check[3]}` : "") + (row.cut ? ` · ${row.cut.toLocaleString("en")} more characters in the dump` : "")));
  made.after(element("tr", { class: "open" }, full));
  button.setAttribute("aria-expanded", "true");
}
