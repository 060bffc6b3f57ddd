// One problem at each evaluation, with the changes since the previous one marked.
const MOST_WORDS = 600; // of a text that is compared; a longer one is shown without marks
const histories = new Map();
for (const row of rows) {
  if (row.split !== "eval" || row.sample !== 0) continue;
  const key = (several ? row.run + ": " : "") + row.id;
  if (!histories.has(key)) histories.set(key, []);
  histories.get(key).push(row);
}

function fillHistory() {
  const most = Math.max(0, ...[...histories.values()].map((list) => list.length));
  for (const [key, list] of histories) {
    list.sort((a, b) => a.step - b.step);
    if (list.length < most && list.length < 2) continue;
    const verdicts = list.map((row) => (row.right ? "✓" : "✗")).join("");
    byId("h-problem").append(element("option", { value: key }, `${key} ${verdicts}`));
  }
  byId("h-problem").addEventListener("change", showHistory);
  if (byId("h-problem").options.length) showHistory();
}

function showHistory() {
  const list = histories.get(byId("h-problem").value);
  byId("h-question").textContent = printable(list[0].question) + `\nGold answer: ${printable(list[0].answer)}`;
  byId("h-steps").replaceChildren(...list.map((row, i) => element("article", {},
    element("h3", {}, `step ${row.step}: `, element("span", { class: row.right ? "right" : "wrong" }, `${row.right ? "✓" : "✗"} ${row.extracted ?? "no answer"}`)),
    element("pre", {}, ...(i ? differences(list[i - 1].text, row.text) : [row.text])))));
}

// The same problem before and after training, next to each other.
function showPairs() {
  for (const run of data.runs) for (const pair of run.pairs) {
    const sides = pair.map((row) => element("article", {},
      element("h3", {}, `step ${row.step}: `, element("span", { class: row.right ? "right" : "wrong" }, `${row.right ? "✓" : "✗"} ${row.extracted ?? "no answer"}`)),
      textOf(row)));
    byId("pair-list").append(element("p", { class: "asked text" }, `${several ? run.name + ": " : ""}${pair[0].question}\nGold answer: ${pair[0].answer}`), element("div", { class: "pair" }, ...sides));
  }
  byId("before-after").hidden = byId("pair-list").children.length === 0;
}

// Longest common subsequence of words, by dynamic programming.
function differences(before, after) {
  const words = (text) => text.match(/\s+|\w+|[^\w\s]/gu) || [];
  const a = words(before), b = words(after);
  if (Math.max(a.length, b.length) > MOST_WORDS) return [after];
  const common = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i][j] = a[i] === b[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
    }
  }
  const parts = [];
  const add = (kind, word) => (parts.length && parts.at(-1)[0] === kind ? (parts.at(-1)[1] += word) : parts.push([kind, word]));
  let i = 0, j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) { add("same", a[i++]); j++; }
    else if (j === b.length || (i < a.length && common[i + 1][j] >= common[i][j + 1])) add("del", a[i++]);
    else add("ins", b[j++]);
  }
  return parts.map(([kind, text]) => (kind === "same" ? text : element(kind, {}, text)));
}

showHead();
showTasks();
showPhases();
fillFilters();
fillColours();
restoreFilters();
showTableHead();
showRows();
fillHistory();
showPairs();
showColours();
showSettings();
await showCharts();
await restorePlace();
stayLive();
document.body.dataset.ready = "yes";
